"""Known customers: what each bought, how they score, and what became of those who came first in the same month."""

import pandas as pd

from retail_pipeline_tests.independent.totals import PLACE, joined, known, totals

CUSTOMER = ["source", "customer_id", "currency"]
SEGMENTS = {
    5: "New customers, Potential loyalists, Potential loyalists, Champions, Champions",
    4: "Promising, Potential loyalists, Potential loyalists, Loyal customers, Loyal customers",
    3: "About to sleep, About to sleep, Need attention, Loyal customers, Loyal customers",
    2: "Hibernating, Hibernating, At risk, At risk, Cannot lose them",
    1: "Hibernating, Hibernating, At risk, At risk, Cannot lose them",
}
"""By recency score, the segments of the frequency scores 1 to 5."""


def customers(lines: pd.DataFrame) -> pd.DataFrame:
    """What each bought; the country is that of the latest invoice, of equals the highest one and the first by name."""
    days = {"first_order_date": ("day_sold", "min"), "last_order_date": ("day_sold", "max")}
    begins = known(lines).sort_values("invoiced_at", kind="stable")
    begins = begins.drop_duplicates(["source", "customer_id", "invoice_no", "invoice_date", "country", "currency"])
    in_time = begins.sort_values(["invoiced_at", "invoice_no", "country"], ascending=[True, True, False])
    homes = in_time.drop_duplicates(["source", "customer_id"], keep="last")[["source", "customer_id", *PLACE]]
    return totals(known(lines), CUSTOMER, **days).merge(homes, on=["source", "customer_id"])


def scored(each: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Customers with their type, their fifths among those with an order, and what these are called."""
    buyers = each[each.orders > 0]
    found = each.assign(
        customer_type=each.orders.map({0: "No orders", 1: "One-time"}).fillna("Repeat"),
        recency_days=(lines.invoice_date.max() - each.last_order_date).dt.days.astype("Int64"),
        days_ordering=(each.last_order_date - each.first_order_date).dt.days.fillna(0).astype("int64"),
        orders_after_first=(each.orders - 1).clip(lower=0),
    )
    for score, by in (("recency", "last_order_date"), ("frequency", "orders"), ("monetary", "net_revenue")):
        of_currency = buyers.groupby("currency")[by]
        lower = of_currency.rank(method="min").astype("Int64") - 1
        found[f"{score}_score"] = 1 + 5 * lower // of_currency.transform("size").astype("Int64")
    scores = zip(found.recency_score, found.frequency_score, strict=True)
    names = {score: names.split(", ") for score, names in SEGMENTS.items()}
    found["segment"] = ["No orders" if pd.isna(recency) else names[recency][often - 1] for recency, often in scores]
    return found


def customer_months(lines: pd.DataFrame) -> pd.DataFrame:
    return totals(known(lines), ["source", "customer_id", "month", "currency"])


def customer_cohorts(each: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Each cohort in every month with lines from its own on."""
    cohorts = each[each.orders > 0].assign(cohort_month=each.first_order_date.dt.to_period("M"))
    sizes = cohorts.groupby(["cohort_month", "currency"], as_index=False).agg(cohort_customers=("orders", "size"))
    active = customer_months(lines).merge(cohorts[[*CUSTOMER, "cohort_month"]], on=CUSTOMER)
    active = active.assign(period=active.month.dt.to_period("M"), active_customers=(active.orders > 0).astype("int64"))
    first_day, last_day = lines.invoice_date.min(), lines.invoice_date.max()
    months = sorted(lines.invoice_date.dt.to_period("M").unique())
    cells = sizes.assign(
        period=[[month for month in months if month >= cohort] for cohort in sizes.cohort_month]
    ).explode("period", ignore_index=True)
    sums = ["active_customers", "orders", "net_revenue"]
    cells = joined(cells, active.groupby(["cohort_month", "period", "currency"])[sums].sum())
    cohort, month = pd.PeriodIndex(cells.cohort_month), pd.PeriodIndex(cells.period, freq="M")
    return cells.assign(
        cohort_month=cohort.start_time,
        month=month.start_time,
        months_since=month.asi8 - cohort.asi8,
        is_partial=((month.end_time.normalize() > last_day) | (month.start_time < first_day)).astype(int),
        is_first_month_of_data=(cohort == first_day.to_period("M")).astype(int),
    )
