"""What a comparison is, and how its two sides are measured."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import click


@dataclass(frozen=True)
class Cost:
    """What one run took; `lines` is how many it left in order_lines."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    lines: int


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


@dataclass(frozen=True)
class Measured:
    """The runs of a comparison in the order in which they were made: each of the base, then one of the contender."""

    name: str
    comparison: Comparison
    base: list[Cost]
    contender: list[Cost]

    @property
    def medians(self) -> tuple[float, float]:
        """Of the figure that is compared: the base's and the contender's."""
        return median(self._figures(self.base)), median(self._figures(self.contender))

    @property
    def ratio(self) -> float:
        """The contender's median over the base's."""
        base, contender = self.medians
        return contender / base

    @property
    def ratios(self) -> list[float]:
        """Each run of the contender over the base's run right before it."""
        pairs = zip(self._figures(self.base), self._figures(self.contender), strict=True)
        return [contender / base for base, contender in pairs]

    @property
    def limits(self) -> list[tuple[str, float, float]]:
        """Of each side that has a limit: label, median, and limit."""
        sides = (self.comparison.base, self.comparison.contender)
        found = zip(sides, self.medians, strict=True)
        return [(side.label, figure, side.limit) for side, figure in found if side.limit is not None]

    @property
    def met(self) -> bool:
        """Whether the ratio and all limits are kept."""
        return self.ratio <= self.comparison.target and all(figure <= limit for _, figure, limit in self.limits)

    def _figures(self, costs: list[Cost]) -> list[float]:
        return [getattr(cost, self.comparison.figure) for cost in costs]


def measure(name: str, comparison: Comparison, runs: int) -> Measured:
    """Runs both sides in turn, so that whatever else the machine does meets both."""
    measured = Measured(name, comparison, [], [])
    for number in range(1, runs + 1):
        for side, costs in ((comparison.base, measured.base), (comparison.contender, measured.contender)):
            cost = side.run()
            costs.append(cost)
            took = f"{cost.seconds:.1f} s, {cost.cpu_seconds:.1f} s CPU, {cost.peak_mib:.0f} MiB"
            click.echo(f"{name}, run {number} of {runs}, {side.label}: {took}", err=True)
    outcomes = sorted({cost.lines for cost in measured.base + measured.contender})
    if comparison.same_lines and len(outcomes) > 1:
        raise click.ClickException(f"{name}: runs that should do the same left {outcomes} lines")
    return measured
