"""Telling people what went wrong: what is said, where it waits until it is told, and the ways by which it is."""
