"""What is said: alerts as pure functions of what happened. Each says what, where and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

GUIDE = "docs/checks.md"
A_RUN_FAILED, A_CHECK_FAILED, HELD_BACK, STALE, REFUSED = (
    "a-run-failed",
    "a-critical-check-failed",
    "much-is-held-back",
    "a-mart-is-stale",
    "a-file-was-refused",
)
"""Headings of the guide."""

SHOWN = 10
"""Of a long list so many are shown, and the rest is counted."""

LONGEST_ERROR = 600


@dataclass(frozen=True)
class Alert:
    """Something that people are told once; `key` says what it is about, and is the same whoever finds it out."""

    key: str
    subject: str
    text: str


@dataclass(frozen=True)
class FailedCheck:
    """A critical check that found something, or couldn't be made."""

    table: str
    name: str
    rows: int | None
    error: str = ""


@dataclass(frozen=True)
class HeldBack:
    """How much of a load is in quarantine."""

    load_id: str
    rows: int
    rows_read: int
    amount: Decimal
    amount_read: Decimal
    currency: str

    @property
    def share(self) -> float:
        """The greater of the shares of rows and of money."""
        of_rows = self.rows / self.rows_read if self.rows_read else 0.0
        return max(of_rows, float(abs(self.amount / self.amount_read)) if self.amount_read else 0.0)


@dataclass(frozen=True)
class FinishedRun:
    """What became of a run: `errors` are those of its steps."""

    run_id: str
    job: str
    url: str
    failed: bool
    errors: Sequence[str] = ()
    failed_checks: Sequence[FailedCheck] = ()
    held_back: Sequence[HeldBack] = ()


def of_run(run: FinishedRun, quarantine_share: float) -> Alert | None:
    """One alert for all that went wrong in a run; None where nothing did."""
    much = sorted((load for load in run.held_back if load.share > quarantine_share), key=lambda load: -load.share)
    said, guides = [], []
    if run.failed_checks:
        said += ["Critical checks failed; the marts stay as they were:", *_listed(map(_check, run.failed_checks))]
        guides.append(A_CHECK_FAILED)
    elif run.failed:
        guides.append(A_RUN_FAILED)
    if run.failed:
        said += [_short(error) for error in run.errors[:SHOWN]]
    if much:
        said += [f"More than {quarantine_share:.1%} is held back in quarantine:", *_listed(map(_held, much))]
        guides.append(HELD_BACK)
    if not guides:
        return None
    what = [
        f"{len(run.failed_checks)} critical checks failed" if run.failed_checks else "",
        "" if run.failed_checks or not run.failed else "failed",
        f"{len(much)} loads with much in quarantine" if much else "",
    ]
    return _alert(f"run-{run.run_id}", f"Run of {run.job}: {', '.join(filter(None, what))}", said, run.url, guides)


def of_stale_marts(marts: Sequence[str], hours: int, day: str, url: str) -> Alert:
    """Marts that weren't refreshed for so many hours; one alert a day."""
    said = [f"Not refreshed for more than {hours} hours:", *_listed(sorted(marts))]
    return _alert(f"stale-{day}", f"{len(marts)} marts are stale", said, url, [STALE])


def of_refused_files(refused: Sequence[tuple[str, str]], key: str, folder: str) -> Alert:
    """Files of the inbox, by name, that can't be read, and why."""
    said = [f"Refused, and moved to {folder}:", *_listed(_short(reason) for _, reason in refused)]
    subject = f"{refused[0][0]} was refused" if len(refused) == 1 else f"{len(refused)} files were refused"
    return _alert(f"refused-{key}", subject, said, "", [REFUSED])


def a_test() -> Alert:
    """What `retail alerts test` sends."""
    return _alert("test", "a test", ["This is a test: alerts arrive here."], "", [])


def _alert(key: str, subject: str, said: Sequence[str], url: str, guides: Sequence[str]) -> Alert:
    where = [f"Where: {url}"] if url else []
    advice = [f"What to do: {GUIDE}#{guide}" for guide in guides]
    on_one_line = " ".join(f"Retail pipeline: {subject}".split())
    text = "\n".join([on_one_line, "", *said, "", *where, *advice]).rstrip()
    return Alert(key, _sendable(on_one_line), _sendable(text))


def _sendable(text: str) -> str:
    """The text without halves of surrogates, as names of files have them that aren't UTF-8."""
    return text.encode(errors="replace").decode()


def _listed(items: Iterable[str]) -> list[str]:
    found = list(items)
    more = [f"- and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return [*(f"- {item}" for item in found[:SHOWN]), *more]


def _check(check: FailedCheck) -> str:
    found = _short(check.error) or (f"{check.rows:,} rows" if check.rows is not None else "")
    return f"{check.table}: {check.name.replace('_', ' ')}" + (f" ({found})" if found else "")


def _held(load: HeldBack) -> str:
    return (
        f"{load.load_id}: {load.rows:,} of {load.rows_read:,} rows, "
        f"{load.amount:,.2f} of {load.amount_read:,.2f} {load.currency}"
    )


def _short(error: str) -> str:
    return error if len(error) <= LONGEST_ERROR else f"{error[:LONGEST_ERROR]} ..."
