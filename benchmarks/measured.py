"""What was measured, and the file that keeps it, so that a report tells of comparisons that were made at any time."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Cost:
    """What one run took, 0 where that isn't measured; `lines` is how many it left in order_lines."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    lines: int


@dataclass(frozen=True)
class Runs:
    """The runs of one side, and how high the median of its figure may be, whatever the other side's is."""

    label: str
    limit: float | None
    costs: list[Cost]


@dataclass(frozen=True)
class Measured:
    """The runs of a comparison in the order in which they were made: each of the base, then one of the contender."""

    name: str
    title: str
    figure: str
    """The field of Cost that is compared."""
    target: float
    about: dict[str, str]
    """When and where: `day`, `database`, and what else a reader must know of the machine."""
    base: Runs
    contender: Runs

    @property
    def medians(self) -> tuple[float, float]:
        """Of the figure that is compared: the base's and the contender's."""
        return median(self.figures(self.base)), median(self.figures(self.contender))

    @property
    def ratio(self) -> float:
        """The contender's median over the base's."""
        base, contender = self.medians
        return contender / base

    @property
    def ratios(self) -> list[float]:
        """Each run of the contender over the base's run right before it."""
        pairs = zip(self.figures(self.base), self.figures(self.contender), strict=True)
        return [contender / base for base, contender in pairs]

    @property
    def limited(self) -> list[Runs]:
        """The sides that have a limit of their own."""
        return [runs for runs in (self.base, self.contender) if runs.limit is not None]

    @property
    def met(self) -> bool:
        """Whether the ratio and all limits are kept."""
        kept = all(median(self.figures(runs)) <= runs.limit for runs in self.limited)
        return self.ratio <= self.target and kept

    @property
    def kind_of_database(self) -> str:
        """SQLite, MySQL or MariaDB: a comparison is kept once for each."""
        return "MariaDB" if "MariaDB" in self.about["database"] else self.about["database"].split()[0]

    def figures(self, runs: Runs) -> list[float]:
        """What is compared, of each run of a side."""
        return [getattr(cost, self.figure) for cost in runs.costs]


def kept(path: Path) -> list[Measured]:
    """What the file holds; nothing where there is none."""
    if not path.exists():
        return []
    return [
        Measured(**one | {side: _runs(one[side]) for side in ("base", "contender")})
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]


def keep(path: Path, measured: Measured, order: Sequence[str]) -> list[Measured]:
    """Puts what was measured in the place of what the file held of it; returns all, in the order of their names."""
    others = [
        one for one in kept(path) if (one.name, one.kind_of_database) != (measured.name, measured.kind_of_database)
    ]
    every = sorted([*others, measured], key=lambda one: (order.index(one.name), one.kind_of_database))
    path.write_text(json.dumps([asdict(one) for one in every], indent=1) + "\n", encoding="utf-8")
    return every


def _runs(said: dict) -> Runs:
    return Runs(said["label"], said["limit"], [Cost(**cost) for cost in said["costs"]])
