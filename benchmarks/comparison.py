"""What a comparison is, and how its two sides are measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import click

from benchmarks.measured import Cost, Measured, Runs


@dataclass(frozen=True)
class Side:
    """One of the two things compared; each call of `run` is a run from nothing."""

    label: str
    run: Callable[[], Cost]
    limit: float | None = None
    """How high the median of its figure may be, whatever the other side's is."""


@dataclass(frozen=True)
class Comparison:
    """How many times the base's figure the contender's is, and how many times it may be."""

    title: str
    base: Side
    contender: Side
    figure: str
    """The field of Cost that is compared."""
    target: float
    same_lines: bool
    """Whether both sides do the same work, so that they must leave the same number of lines."""


def measure(name: str, comparison: Comparison, runs: int, about: Mapping[str, str]) -> Measured:
    """Runs both sides in turn, so that whatever else the machine does meets both; `about` says when and where."""
    sides = [(side, Runs(side.label, side.limit, costs=[])) for side in (comparison.base, comparison.contender)]
    for number in range(1, runs + 1):
        for side, measured in sides:
            cost = side.run()
            measured.costs.append(cost)
            took = f"{cost.seconds:.1f} s, {cost.cpu_seconds:.1f} s CPU, {cost.peak_mib:.0f} MiB"
            click.echo(f"{name}, run {number} of {runs}, {side.label}: {took}", err=True)
    (_, base), (_, contender) = sides
    outcomes = sorted({cost.lines for cost in base.costs + contender.costs})
    if comparison.same_lines and len(outcomes) > 1:
        raise click.ClickException(f"{name}: runs that should do the same left {outcomes} lines")
    return Measured(name, comparison.title, comparison.figure, comparison.target, dict(about), base, contender)
