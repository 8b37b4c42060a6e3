"""The report: Markdown, the ratios first and then every run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from statistics import median

from benchmarks.comparison import Cost, Measured

FIGURES = {"seconds": ("wall time, s", ".1f"), "cpu_seconds": ("CPU time, s", ".1f"), "peak_mib": ("peak, MiB", ".0f")}


def report(measured: Sequence[Measured], facts: Mapping[str, str], day: date) -> str:
    """The whole report, as of a day."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `python -m benchmarks` on {day.isoformat()}. The two sides of a comparison ran in turn. Ratios",
        "are what counts: absolute figures are those of this machine and of whatever else it was doing.",
        "",
        *(f"- {what}: {fact}" for what, fact in facts.items()),
        "",
        *_table(("comparison", "ratio", "of single pairs", "target", ""), map(_outcome, measured)),
    ]
    for one in measured:
        lines += _section(one)
    return "\n".join(lines)


def _outcome(one: Measured) -> tuple[str, ...]:
    pairs = f"{min(one.ratios):.2f} to {max(one.ratios):.2f}"
    _, form = FIGURES[one.comparison.figure]
    limits = "".join(f"; {label} {figure:{form}} ≤ {limit:g}" for label, figure, limit in one.limits)
    target = f"≤ {one.comparison.target:g}{limits}"
    return f"`{one.name}`", f"{one.ratio:.2f}", pairs, target, "met" if one.met else "missed"


def _section(one: Measured) -> Iterator[str]:
    heading, form = FIGURES[one.comparison.figure]
    base, contender = one.medians
    yield f"## {one.name}"
    yield ""
    yield f"{one.comparison.title}."
    yield ""
    yield (
        f"Ratio of the medians of {heading}: {contender:{form}} ÷ {base:{form}} = {one.ratio:.2f}, of single pairs "
        f"{min(one.ratios):.2f} to {max(one.ratios):.2f}. Target: at most {one.comparison.target:g}, "
        f"{_kept(one.ratio, one.comparison.target)}."
    )
    for label, figure, limit in one.limits:
        yield ""
        yield f"Target for {label} by itself: at most {limit:g}, {_kept(figure, limit)}."
    yield ""
    sides = [(one.comparison.base.label, one.base), (one.comparison.contender.label, one.contender)]
    rows = [_run(str(i), label, costs[i - 1]) for i in range(1, len(one.base) + 1) for label, costs in sides]
    rows += [_medians(label, costs) for label, costs in sides]
    yield from _table(("run", "", *(heading for heading, _ in FIGURES.values()), "lines loaded"), rows)


def _kept(figure: float, limit: float) -> str:
    return "met" if figure <= limit else "missed"


def _run(run: str, label: str, cost: Cost) -> tuple[str, ...]:
    figures = (format(getattr(cost, name), form) for name, (_, form) in FIGURES.items())
    return run, label, *figures, f"{cost.lines:,}"


def _medians(label: str, costs: Sequence[Cost]) -> tuple[str, ...]:
    figures = (format(median(getattr(cost, name) for cost in costs), form) for name, (_, form) in FIGURES.items())
    return "median", label, *figures, ""


def _table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> list[str]:
    lines = [" | ".join(cells) for cells in (header, ["---"] * len(header), *rows)]
    return [*(f"| {line} |" for line in lines), ""]
