"""What a file adds up to: its rows and its money, as the ledger has them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from retail_pipeline.intake.lines import TypedBatch
from retail_pipeline.intake.reader import TextBatch


@dataclass
class Figures:
    """What the ledger says of a load before overlaps are settled: rows, amounts in the source's currency, dates."""

    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_superseded: int = 0
    rows_repeated: int = 0
    amount_read: Decimal = Decimal(0)
    amount_loaded: Decimal = Decimal(0)
    amount_quarantined: Decimal = Decimal(0)
    amount_superseded: Decimal = Decimal(0)
    first_invoice_date: date | None = None
    last_invoice_date: date | None = None

    def count(self, text: TextBatch, typed: TypedBatch) -> None:
        """Adds a batch. What was read is counted from the batch read, not from what became of it."""
        self.rows_read += len(text.frame)
        self.rows_loaded += len(typed.lines)
        self.rows_quarantined += len(typed.rejects)
        loaded, held = total(typed.lines["amount"]), total(typed.rejects["amount"])
        self.amount_read += loaded + held
        self.amount_loaded += loaded
        self.amount_quarantined += held
        if len(typed.lines):
            days = pc.min_max(pa.array(typed.lines["invoice_date"])).as_py()
            self.first_invoice_date = min(filter(None, (self.first_invoice_date, days["min"])))
            self.last_invoice_date = max(filter(None, (self.last_invoice_date, days["max"])))


def total(amounts: pd.Series) -> Decimal:
    """The sum of exact amounts; nulls count nothing."""
    return pc.sum(pa.array(amounts)).as_py() or Decimal(0)
