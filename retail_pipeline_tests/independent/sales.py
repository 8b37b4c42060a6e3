"""Invoices, days, months and the headline measures."""

from collections.abc import Callable

import pandas as pd

from retail_pipeline_tests.independent.totals import PLACE, known, totals, with_loyalty

SCOPE = ["scope_type", "scope", "period", "currency"]


def periods(lines: pd.DataFrame) -> pd.DataFrame:
    """The months, the years and the time that have lines."""
    first_day, last_day = lines.invoice_date.min(), lines.invoice_date.max()
    found = [("all time", "all time", first_day, last_day)]
    for name, frequency in (("month", "M"), ("year", "Y")):
        for period in lines.invoice_date.dt.to_period(frequency).unique():
            found.append((name, str(period), period.start_time, period.end_time.normalize()))
    spans = pd.DataFrame(found, columns=["period_type", "period", "starts", "ends"])
    spans["first_day"], spans["last_day"] = spans.starts.clip(lower=first_day), spans.ends.clip(upper=last_day)
    is_whole = (spans.first_day == spans.starts) & (spans.last_day == spans.ends)
    return spans.assign(days_covered=(spans.last_day - spans.first_day).dt.days + 1, is_partial=(~is_whole).astype(int))


def invoice_days(lines: pd.DataFrame) -> pd.DataFrame:
    grain = ["source", "invoice_no", "invoice_date", "month", "year", *PLACE, "customer_id", "currency"]
    found = totals(lines, grain, first_invoiced_at=("invoiced_at", "min"))
    found["customer_key"] = (found.source + "/" + found.customer_id).where(found.customer_id != "", "")
    found["order_key"] = (found.source + "/" + found.invoice_no).where(found.orders > 0, "")
    return found


def orders(lines: pd.DataFrame) -> pd.DataFrame:
    """A row per invoice; day, place and customer are those of its earliest line, of equals the first by country."""
    first = {name: (name, "first") for name in ["invoice_date", *PLACE, "customer_id", "currency"]}
    in_time = lines.sort_values(["invoiced_at", "country", "customer_id"], kind="stable")
    return totals(in_time, ["source", "invoice_no"], first_invoiced_at=("invoiced_at", "first"), **first)


def sales_monthly(lines: pd.DataFrame, covered: pd.DataFrame) -> pd.DataFrame:
    months = covered[covered.period_type == "month"].rename(columns={"starts": "month"})
    return with_loyalty(lines, ["month", *PLACE, "currency"]).merge(months, on="month")


def by_scope(lines: pd.DataFrame, added_up: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """What the lines of each scope, over all time and in each year, add up to."""
    kinds = {"all": "All countries", "region": lines.region, "country": lines.country}
    scoped = (
        lines.assign(scope_type=kind, scope=scope, period=period)
        for kind, scope in kinds.items()
        for period in ("all time", lines.year)
    )
    return pd.concat([added_up(part) for part in scoped], ignore_index=True)


def kpis(lines: pd.DataFrame, covered: pd.DataFrame) -> pd.DataFrame:
    return by_scope(lines, lambda part: with_loyalty(part, SCOPE)).merge(covered, on="period")


def scopes(lines: pd.DataFrame) -> pd.DataFrame:
    return by_scope(lines, lambda part: totals(part, SCOPE))


def buyers(lines: pd.DataFrame) -> pd.DataFrame:
    return by_scope(known(lines), lambda part: totals(part, [*SCOPE, "source", "customer_id"]))
