"""A round: work is disturbed, what was left is looked at, the next run finishes it, and the tables are compared."""

import random

from retail_pipeline_tests.faults.catalogue import Fault
from retail_pipeline_tests.faults.ground import Ground
from retail_pipeline_tests.faults.invariants import assert_all_holds
from retail_pipeline_tests.faults.work import DONE, Task, Work, begin, bring_up_to_date, contents, differences


def play(ground: Ground, fault: Fault, rng: random.Random) -> str:
    """Plays one round; says what was disturbed and what became of it. Raises AssertionError where a promise is broken.

    The second export comes and goes, so that every round begins in one of two states, and ends in one.
    """
    work, goal = _work(ground, rng)
    ground.warehouse.dispose()  # SQLite's locks don't outlive a fork
    outcome = fault.disturb(ground, work, rng)
    assert_all_holds(ground.warehouse, ground.states.values())
    ground.warehouse.dispose()

    _undisturbed(ground, bring_up_to_date)
    if differences(contents(ground.warehouse), ground.states[goal]):  # it hadn't come so far as to be known
        work, _ = _work(ground, rng, goal)
        ground.warehouse.dispose()
        _undisturbed(ground, work)
    assert_all_holds(ground.warehouse, ground.states.values())
    assert not (found := differences(contents(ground.warehouse), ground.states[goal])), "\n".join(found)
    ground.warehouse.dispose()
    return f"{work.name}: {outcome}"


def _work(ground: Ground, rng: random.Random, goal: str | None = None) -> tuple[Task, str]:
    """What is to be done, and the state that it ends in: any, or what leads to a goal."""
    load_id = ground.second_load
    if load_id is None:
        return Task("ingest", str(ground.second)), "after"
    if goal == "before" or (goal is None and rng.random() < 0.6):
        return Task("revert", load_id), "before"
    return Task("refresh"), "after"


def _undisturbed(ground: Ground, work: Work) -> None:
    worker = begin(work, ground.settings)
    status, said = worker.wait(), worker.log.read_text()
    worker.log.unlink()
    assert status == DONE, said[-3000:]
    assert "trying again" not in said, said[-3000:]
