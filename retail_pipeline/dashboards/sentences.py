"""What the figures say, in sentences that are computed from what a dashboard shows: pure functions of its answers.

Each gives None where there is nothing to say, because the data is too short or holds nothing of the kind.
"""

from calendar import monthrange
from collections.abc import Callable
from decimal import Decimal

from retail_pipeline.dashboards.formats import day, month, number, percent, whole_money
from retail_pipeline.dashboards.queries import Answers, Row
from retail_pipeline.marts.measuring import ALL_COUNTRIES

Sentence = Callable[[Answers], str | None]

WHOLE_MONTHS_FOR_A_SEASON = 6
"""Fewer whole months than that say nothing about seasons."""


def sentences(answers: Answers, names: tuple[str, ...]) -> list[str]:
    """The sentences by these names that have something to say."""
    return [said for said in (SENTENCES[name](answers) for name in names) if said]


def what_was_sold(answers: Answers) -> str | None:
    """Net revenue, orders and units, with the period."""
    kpis = answers.kpis
    if not kpis:
        return "Nothing was sold there in that period."
    where = "" if answers.selection.region == ALL_COUNTRIES else f" in {answers.selection.region}"
    return (
        f"From {day(kpis['first_day'])} to {day(kpis['last_day'])}, {_plural(kpis['orders'], 'order')}{where} with "
        f"{number(kpis['units_sold'])} units brought {_money(answers, kpis['net_revenue'])} net revenue, "
        f"{_money(answers, kpis['net_revenue_per_day'])} a day."
    )


def which_countries_bring_it(answers: Answers) -> str | None:
    """How much the first country brings, and who comes next."""
    rows = [row for row in answers.rows["revenue_map"] if row["net_revenue"] > 0]
    if len(rows) < 2:
        return f"All of it came from {rows[0]['country']}." if rows else None
    total = sum(row["net_revenue"] for row in rows)
    first, *others = ((row["country"], percent(row["net_revenue"] / total)) for row in rows)
    following = ", ".join(f"{country} ({share})" for country, share in others[:3])
    rest = "the only other country is" if len(others) == 1 else f"of {len(others)} others, the next are"
    return f"{first[0]} brings {first[1]} of it; {rest} {following}."


def how_seasonal_it_is(answers: Answers) -> str | None:
    """The strongest and the weakest month by net revenue a day, partial months left out."""
    whole = [row for row in answers.rows["revenue_by_month"] if not row["is_partial"]]
    if len(whole) < WHOLE_MONTHS_FOR_A_SEASON:
        return None
    weakest, *_, strongest = sorted(whole, key=_per_day)
    told = (
        f"The strongest whole month was {month(strongest['month'])} with "
        f"{_money(answers, _per_day(strongest))} a day, the weakest {month(weakest['month'])} with "
        f"{_money(answers, _per_day(weakest))}"
    )
    if _per_day(weakest) <= 0:
        return f"{told}."
    return f"{told}: {(_per_day(strongest) / _per_day(weakest)).quantize(Decimal('0.1'))} times as much."


def what_changed_last(answers: Answers) -> str | None:
    """The last whole month, against the month before and the same month of the year before."""
    whole = {row["month"]: row for row in answers.rows["revenue_by_month"] if not row["is_partial"]}
    if not whole:
        return None
    last = max(whole)
    before = last.replace(year=last.year - 1, month=12) if last.month == 1 else last.replace(month=last.month - 1)
    earlier = {before: month(before), last.replace(year=last.year - 1): "the same month a year before"}
    compared = [
        f"{percent(abs(_per_day(whole[last]) / _per_day(whole[then]) - 1))} "
        f"{'above' if _per_day(whole[last]) >= _per_day(whole[then]) else 'below'} {name}"
        for then, name in earlier.items()
        if then in whole and _per_day(whole[then]) > 0
    ]
    return f"A day of {month(last)}, the last whole month, was {' and '.join(compared)}." if compared else None


def what_is_partial(answers: Answers) -> str | None:
    """Months that the data covers only in part, with their net revenue a day."""
    partial = [row for row in answers.rows["revenue_by_month"] if row["is_partial"]]
    told = ", ".join(
        f"{month(row['month'])} holds {row['days_covered']} of "
        f"{monthrange(row['month'].year, row['month'].month)[1]} days ({_money(answers, _per_day(row))} a day)"
        for row in partial
    )
    return f"Not comparable as a whole: {told}." if told else None


def who_comes_back(answers: Answers) -> str | None:
    """How many customers ordered again, and what they bring."""
    kpis = answers.kpis
    if not kpis or not kpis["customers"]:
        return None
    told = (
        f"{number(kpis['repeat_customers'])} of {_plural(kpis['customers'], 'known customer')} "
        f"({percent(kpis['repeat_customer_share'])}) ordered twice or more"
    )
    known = kpis["repeat_net_revenue"] + kpis["one_time_net_revenue"]
    return (
        f"{told}; they bring {percent(kpis['repeat_net_revenue'] / known)} of their net revenue." if known > 0 else None
    )


def how_concentrated_customers_are(answers: Answers) -> str | None:
    """What the ten best customers and the best fifth of them bring."""
    top_10, top_fifth = answers.figures["top_10_share"], answers.figures["top_fifth_share"]
    rows = answers.rows["concentration"]
    if top_10 is None or not rows or rows[-1]["revenue_rank"] <= 10:
        return None
    return (
        f"Of known customers' net revenue, the top 10 bring {percent(top_10)} and the top fifth {percent(top_fifth)}."
    )


def which_segments_carry_it(answers: Answers) -> str | None:
    """The segment that brings most, and what is at risk."""
    rows = [row for row in answers.rows["segments"] if row["net_revenue"] > 0]
    total, customers = sum(row["net_revenue"] for row in rows), sum(row["customers"] for row in rows)
    if not rows:
        return None
    first = rows[0]
    told = (
        f"The segment {first['segment']}, {percent(Decimal(first['customers']) / customers)} of customers, "
        f"brings {percent(first['net_revenue'] / total)} of net revenue"
    )
    leaving = [row for row in rows if row["segment"] in ("At risk", "Cannot lose them")]
    if not leaving:
        return f"{told}."
    return (
        f"{told}; {_money(answers, sum(row['net_revenue'] for row in leaving))} came from "
        f"{_plural(sum(row['customers'] for row in leaving), 'good customer')} who haven't ordered for long."
    )


def how_many_return_next_month(answers: Answers) -> str | None:
    """Retention in the month after the first order, without the first month of the data and unfinished months."""
    later = [
        row
        for row in answers.rows["cohorts"]
        if row["months_since"] == 1 and not row["is_partial"] and not row["is_first_month_of_data"]
    ]
    customers = sum(row["cohort_customers"] for row in later)
    if not customers:
        return None
    share = Decimal(sum(row["active_customers"] for row in later)) / customers
    return f"Of those who ordered for the first time, {percent(share)} ordered in the following month, too."


def what_guests_bring(answers: Answers) -> str | None:
    """What purchases without a customer bring; they are in no figure about customers."""
    kpis = answers.kpis
    if not kpis or not kpis["guest_orders"] or kpis["net_revenue"] <= 0:
        return None
    return (
        f"{_plural(kpis['guest_orders'], 'order')} of guests, "
        f"{percent(kpis['guest_net_revenue'] / kpis['net_revenue'])} of net revenue, "
        "belong to no customer and are in no figure about customers."
    )


def what_came_back(answers: Answers) -> str | None:
    """The return rate, with and without sales that were taken back whole on their own day."""
    kpis, rows = answers.kpis, answers.rows["returns_by_month"]
    if not kpis or not kpis["returns_value"] or not kpis["gross_sales"]:
        return None
    reversals = sum(row["same_day_reversals_value"] for row in rows)
    told = f"{percent(kpis['return_rate'])} of gross sales came back, {_money(answers, kpis['returns_value'])} in all"
    if not reversals or kpis["gross_sales"] <= reversals:
        return f"{told}."
    without = (kpis["returns_value"] - reversals) / (kpis["gross_sales"] - reversals)
    return (
        f"{told}; without the {_money(answers, reversals)} of sales that were taken back whole on their own day, "
        f"it is {percent(without)}."
    )


def which_products_come_back(answers: Answers) -> str | None:
    """The product with the highest value of returns."""
    rows = [row for row in answers.rows["returned_products"] if row["returns_value"] > 0]
    if not rows:
        return None
    first = rows[0]
    total = answers.kpis["returns_value"] if answers.kpis else Decimal(0)
    share = f", {percent(first['returns_value'] / total)} of all returns" if total else ""
    name = " ".join(filter(None, (first["product_code"], first["description"])))
    return f"Most came back of {name}: {_money(answers, first['returns_value'])}{share}."


def _per_day(row: Row) -> Decimal:
    return row["net_revenue"] / row["days_covered"]


def _money(answers: Answers, value: Decimal) -> str:
    return whole_money(value, answers.selection.currency)


def _plural(count: int, noun: str) -> str:
    return f"{number(count)} {noun}" if count == 1 else f"{number(count)} {noun}s"


SENTENCES: dict[str, Sentence] = {
    sentence.__name__: sentence
    for sentence in (
        what_was_sold,
        which_countries_bring_it,
        how_seasonal_it_is,
        what_changed_last,
        what_is_partial,
        who_comes_back,
        how_concentrated_customers_are,
        which_segments_carry_it,
        how_many_return_next_month,
        what_guests_bring,
        what_came_back,
        which_products_come_back,
    )
}
"""The sentences by the names that dashboards.yaml has for them."""
