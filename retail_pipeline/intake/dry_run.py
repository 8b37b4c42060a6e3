"""A dry run: what a file would become, told without keeping anything."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from retail_pipeline.intake.figures import Figures, total
from retail_pipeline.intake.inspection import encoding_of
from retail_pipeline.intake.lines import TypedBatch, type_batch
from retail_pipeline.intake.reader import TextBatch, read_batches, verify
from retail_pipeline.sources import SourceProfile

EXAMPLES = 3
"""Rows shown of each reason."""


@dataclass
class Reason:
    """How many rows are held back for a reason, and the first of them: file line and what the row says."""

    rows: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Outcome:
    """What a load of a file would say in the ledger, and of which kinds its lines are and why rows are held back."""

    encoding: str
    figures: Figures = field(default_factory=Figures)
    rows_by_kind: Counter = field(default_factory=Counter)
    amount_by_kind: dict[str, Decimal] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)

    def count(self, text: TextBatch, typed: TypedBatch) -> None:
        """Adds a batch."""
        self.figures.count(text, typed)
        for kind, lines in typed.lines.groupby("kind"):
            self.rows_by_kind[kind] += len(lines)
            self.amount_by_kind[kind] = self.amount_by_kind.get(kind, Decimal(0)) + total(lines["amount"])
        for row in typed.rejects.to_dict("records"):
            for code in row["reasons"].split(","):
                reason = self.reasons.setdefault(code, Reason())
                reason.rows += 1
                if len(reason.examples) < EXAMPLES:
                    reason.examples.append((row["file_line"], _said(code, row)))


def dry_run(
    path: Path, profile: SourceProfile, batch_rows: int, progress: Callable[[int], None] = lambda bytes_read: None
) -> Outcome:
    """Reads and types a file as a load does. Raises BadFile where it would be refused."""
    outcome = Outcome(encoding_of(path, profile.encodings))
    verify(path, profile, outcome.encoding)
    for text in read_batches(path, profile, outcome.encoding, batch_rows):
        outcome.count(text, type_batch(text.frame, profile, text.date_formats))
        progress(text.bytes_read)
    return outcome


def _said(code: str, row: dict) -> str:
    """What the row says in the column that a reason is about; reasons begin with its name."""
    return next((repr(text)[:60] for column, text in row.items() if code.startswith(f"{column}_")), "")
