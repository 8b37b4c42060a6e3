"""A dry run: what a file would become, told without keeping anything."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from retail_pipeline.intake.inspection import encoding_of
from retail_pipeline.intake.lines import TypedBatch, type_batch
from retail_pipeline.intake.reader import read_batches, verify
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
    """What a load of a file would say in the ledger, before overlaps with other loads are settled."""

    encoding: str
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    amount_loaded: Decimal = Decimal(0)
    amount_quarantined: Decimal = Decimal(0)
    days: set[date] = field(default_factory=set)
    rows_by_kind: Counter = field(default_factory=Counter)
    amount_by_kind: dict[str, Decimal] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)

    def count(self, typed: TypedBatch) -> None:
        """Adds a batch."""
        self.rows_read += len(typed.lines) + len(typed.rejects)
        self.rows_loaded += len(typed.lines)
        self.rows_quarantined += len(typed.rejects)
        self.amount_loaded += total(typed.lines["amount"])
        self.amount_quarantined += total(typed.rejects["amount"])
        for kind, lines in typed.lines.groupby("kind"):
            self.rows_by_kind[kind] += len(lines)
            self.amount_by_kind[kind] = self.amount_by_kind.get(kind, Decimal(0)) + total(lines["amount"])
        if len(typed.lines):
            ends = pc.min_max(pa.array(typed.lines["invoice_date"])).as_py()
            known = {*self.days, ends["min"], ends["max"]}
            self.days = {min(known), max(known)}
        for row in typed.rejects.to_dict("records"):
            for code in row["reasons"].split(","):
                reason = self.reasons.setdefault(code, Reason())
                reason.rows += 1
                if len(reason.examples) < EXAMPLES:
                    reason.examples.append((row["file_line"], _said(code, row)))


def total(amounts: pd.Series) -> Decimal:
    """The sum of exact amounts; nulls count nothing."""
    return pc.sum(pa.array(amounts)).as_py() or Decimal(0)


def dry_run(
    path: Path, profile: SourceProfile, batch_rows: int, progress: Callable[[int], None] = lambda bytes_read: None
) -> Outcome:
    """Reads and types a file as a load does. Raises BadFile where it would be refused."""
    outcome = Outcome(encoding_of(path, profile.encodings))
    verify(path, profile, outcome.encoding)
    for text in read_batches(path, profile, outcome.encoding, batch_rows):
        outcome.count(type_batch(text.frame, profile, text.date_formats))
        progress(text.bytes_read)
    return outcome


def _said(code: str, row: dict) -> str:
    """What the row says in the column that a reason is about; reasons begin with its name."""
    return next((repr(text)[:60] for column, text in row.items() if code.startswith(f"{column}_")), "")
