"""The report: Markdown, the ratios first and then every run."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from benchmarks.measured import Cost, Measured, Runs

FIGURES = {"seconds": ("wall time, s", ".1f"), "cpu_seconds": ("CPU time, s", ".1f"), "peak_mib": ("peak, MiB", ".0f")}


def report(measured: Sequence[Measured], picture: str) -> str:
    """The whole report, with the name of a picture that lies beside it."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m benchmarks`. The two sides of a comparison ran in turn. Ratios are what counts:",
        "absolute figures are those of that machine and of whatever else it was doing.",
        "",
        f"![Each figure as a multiple of its target]({picture})",
        "",
        *_table(("comparison", "database", "day", "ratio", "of single pairs", "target", ""), map(_outcome, measured)),
    ]
    for one in measured:
        lines += _section(one)
    return "\n".join(lines)


def _outcome(one: Measured) -> tuple[str, ...]:
    pairs = f"{min(one.ratios):.2f} to {max(one.ratios):.2f}"
    _, form = FIGURES[one.figure]
    limits = "".join(f"; {runs.label} {median(one.figures(runs)):{form}} ≤ {runs.limit:g}" for runs in one.limited)
    target = f"≤ {one.target:g}{limits}"
    met = "met" if one.met else "missed"
    return f"`{one.name}`", one.kind_of_database, one.about["day"], f"{one.ratio:.2f}", pairs, target, met


def _section(one: Measured) -> Iterator[str]:
    heading, form = FIGURES[one.figure]
    base, contender = one.medians
    yield f"## {one.name} ({one.kind_of_database})"
    yield ""
    yield f"{one.title}."
    yield ""
    yield (
        f"Ratio of the medians of {heading}: {contender:{form}} ÷ {base:{form}} = {one.ratio:.2f}, of single pairs "
        f"{min(one.ratios):.2f} to {max(one.ratios):.2f}. Target: at most {one.target:g}, "
        f"{_kept(one.ratio, one.target)}."
    )
    for runs in one.limited:
        yield ""
        kept = _kept(median(one.figures(runs)), runs.limit)
        yield f"Target for {runs.label} by itself: at most {runs.limit:g}, {kept}."
    yield ""
    yield f"{', '.join(f'{what}: {fact}' for what, fact in one.about.items())}."
    yield ""
    sides = (one.base, one.contender)
    rows = [_run(str(i), runs.label, runs.costs[i - 1]) for i in range(1, len(one.base.costs) + 1) for runs in sides]
    rows += [_medians(runs) for runs in sides]
    yield from _table(("run", "", *(heading for heading, _ in FIGURES.values()), "lines loaded"), rows)


def _kept(figure: float, limit: float) -> str:
    return "met" if figure <= limit else "missed"


def _run(run: str, label: str, cost: Cost) -> tuple[str, ...]:
    figures = (_figure(getattr(cost, name), form) for name, (_, form) in FIGURES.items())
    return run, label, *figures, f"{cost.lines:,}"


def _medians(runs: Runs) -> tuple[str, ...]:
    figures = (_figure(median(getattr(cost, name) for cost in runs.costs), form) for name, (_, form) in FIGURES.items())
    return "median", runs.label, *figures, ""


def _figure(figure: float, form: str) -> str:
    return format(figure, form) if figure else "not measured"


def _table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> list[str]:
    lines = [" | ".join(cells) for cells in (header, ["---"] * len(header), *rows)]
    return [*(f"| {line} |" for line in lines), ""]
