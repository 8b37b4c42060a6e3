"""What several marts have in common: adding lines up, joining sums, and who is known."""

import pandas as pd

PLACE = ["country", "country_code", "region"]
SUMS = [
    "gross_sales",
    "returns_value",
    "units_sold",
    "units_returned",
    "adjustments_value",
    "net_revenue",
    "guest_net_revenue",
]
COUNTS = {"orders": "order", "customers": "buyer", "guest_orders": "guest_order"}
LOYALTY = ["one_time", "repeat", "no_order"]


def totals(lines: pd.DataFrame, grain: list[str], **also: tuple[str, str]) -> pd.DataFrame:
    """The measures of each group of lines, and what else is asked for as (column, aggregation)."""
    sums = {name: (name, "sum") for name in SUMS}
    counts = {name: (column, "nunique") for name, column in COUNTS.items()}
    return lines.groupby(grain, as_index=False).agg(**sums, **counts, line_count=("line_no", "size"), **also)


def with_loyalty(lines: pd.DataFrame, grain: list[str]) -> pd.DataFrame:
    """`totals`, and customers and net revenue by how often a customer ordered within the group of lines."""
    each = totals(lines, [*grain, "customer_id"])
    is_known = each.customer_id != ""
    types = (is_known & (each.orders == 1), is_known & (each.orders >= 2), is_known & (each.orders == 0))
    for who, such in zip(LOYALTY, types, strict=True):
        each[f"{who}_customers"], each[f"{who}_net_revenue"] = such.astype("int64"), each.net_revenue.where(such, 0)
    each["customer_orders"] = each.orders.where(is_known, 0)
    loyalty = ["customer_orders"] + [f"{who}_{what}" for who in LOYALTY for what in ("customers", "net_revenue")]
    found = joined(totals(lines, grain), each.groupby(grain)[loyalty].sum())
    return found.assign(buyers_net_revenue=found.one_time_net_revenue + found.repeat_net_revenue)


def joined(left: pd.DataFrame, sums: pd.DataFrame) -> pd.DataFrame:
    """A table with the sums that their index gives for each of its rows, 0 where there are none: never a float."""
    keys = pd.MultiIndex.from_frame(left[sums.index.names])
    return left.assign(**{name: sums[name].reindex(keys, fill_value=0).to_numpy() for name in sums})


def known(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines that have a customer."""
    return lines[lines.customer_id != ""]


def goods(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines with products that were sold or came back."""
    return lines[lines.kind.isin(["sale", "return"])]
