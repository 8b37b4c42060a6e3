"""What each load holds, and what it did to months that were told already."""

import pandas as pd

STEPS = {
    "adjustment": (4, "adjustment", -1),
    "stock_movement": (5, "stock_movement", -1),
    "sale": (6, "gross_sales", 1),
    "return": (7, "returns", 1),
}
"""By kind of line, the step of the bridge and its sign."""


def load_months(lines: pd.DataFrame) -> pd.DataFrame:
    grain = ["landing_no", "load_id", "month", "currency", "kind", "adjustment_code"]
    found = lines.groupby(grain, as_index=False).agg(line_count=("line_no", "size"), amount=("amount", "sum"))
    return found.assign(replaced_by="")


def bridge(months: pd.DataFrame, quarantined: pd.DataFrame) -> pd.DataFrame:
    """The steps from what the files say to net revenue; those that nothing is in are left out."""
    held = quarantined.groupby("load_id", as_index=False).agg(line_count=("amount", "size"), amount=("amount", "sum"))
    held = held.assign(month=pd.NaT, currency="GBP", adjustment_code="")

    def step(rows: pd.DataFrame, step_no: int, name: str, sign: int) -> pd.DataFrame:
        return rows.assign(step_no=step_no, step=name, amount=sign * rows.amount)

    parts = [step(months.assign(adjustment_code=""), 1, "file_total", 1)]
    parts += [step(months[months.kind == kind], *told) for kind, told in STEPS.items()]
    parts += [step(months[months.kind.isin(["sale", "return"])], 8, "net_revenue", 1)]
    parts += [step(held, 1, "file_total", 1), step(held, 2, "quarantined", -1)]
    grain = ["load_id", "month", "currency", "step_no", "step", "adjustment_code"]
    steps = pd.concat([part[[*grain, "line_count", "amount"]] for part in parts])
    return steps.groupby(grain, as_index=False, dropna=False).sum()


def restatements(months: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """What loads brought for months of which there were lines, when earlier loads had lines of their end or later."""
    last_days = lines.groupby("landing_no").invoice_date.max()
    found = []
    for (month, currency), of_month in months.groupby(["month", "currency"]):
        before = 0
        for place, (landing_no, load) in enumerate(of_month.groupby("landing_no")):
            change = int(load.amount.where(load.kind.isin(["sale", "return"]), 0).sum())
            covered_until = last_days[last_days.index < landing_no].max()
            if place > 0 and covered_until >= month + pd.offsets.MonthEnd():
                found.append((month, currency, landing_no, load.load_id.iloc[0], int(load.line_count.sum()), 0))
                found[-1] += (before, before + change, change)
            before += change
    amounts = ["net_revenue_before", "net_revenue_after", "net_revenue_change"]
    columns = ["month", "currency", "landing_no", "load_id", "lines_added", "lines_removed", *amounts]
    return pd.DataFrame(found, columns=columns)
