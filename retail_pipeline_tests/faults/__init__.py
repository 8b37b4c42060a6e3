"""Faults: what may happen to a process, its database, its disk, its network and its clock, and what holds all the same.

`python -m retail_pipeline_tests.faults --minutes 60 --seed 1` tries them at random moments, on SQLite and on a server;
the tests try each once. A round disturbs one piece of work in a process of its own, looks at what was left, lets the
next run finish it, and compares every table with that of a twin that nobody disturbed.
"""
