"""What a command says at its end."""

from retail_pipeline.defs.runs import RunOutcome
from retail_pipeline.ingestion import _tell


def test_a_run_that_was_stopped_between_two_steps_says_that_it_was_interrupted(capsys):
    assert _tell([RunOutcome("run", success=False, checks=[], errors=[])]) == 1
    assert "the run was interrupted. Nothing is lost" in capsys.readouterr().err


def test_a_run_that_failed_says_each_of_its_errors_once(capsys):
    assert _tell([RunOutcome("run", success=False, checks=[], errors=["one", "two", "one"])]) == 1
    assert capsys.readouterr().err.splitlines() == ["retail: one", "retail: two"]
