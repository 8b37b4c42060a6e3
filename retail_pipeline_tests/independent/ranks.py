"""Customers and countries by net revenue."""

import pandas as pd

from retail_pipeline_tests.independent.totals import totals

GROUP = ["dimension", "currency"]


def revenue_ranks(customers: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    countries = totals(lines, ["country", "currency"])
    members = pd.concat(
        [
            customers.assign(dimension="customer", member=customers.source + "/" + customers.customer_id),
            countries.assign(dimension="country", member=countries.country),
        ]
    )[[*GROUP, "member", "net_revenue"]]
    members = members[members.net_revenue > 0].sort_values(["net_revenue", "member"], ascending=[False, True])
    revenue = members.groupby(GROUP).net_revenue
    rank, size = revenue.cumcount() + 1, revenue.transform("size")
    return members.assign(
        revenue_rank=rank,
        revenue_up_to_here=revenue.cumsum(),
        revenue_of_all=revenue.transform("sum"),
        is_top_10=(rank <= 10).astype(int),
        is_top_fifth=(5 * (rank - 1) < size).astype(int),  # a fifth, rounded up
    )


def concentration(ranks: pd.DataFrame) -> pd.DataFrame:
    """Gini: the differences between all pairs of members, added up, over the number of members times all they have."""
    size = ranks.groupby(GROUP).member.transform("size")
    ranks = ranks.assign(
        top_10_net_revenue=ranks.net_revenue * ranks.is_top_10,
        top_fifth_net_revenue=ranks.net_revenue * ranks.is_top_fifth,
        # A member has more than the size - rank after it, and less than the rank - 1 before it.
        differences=ranks.net_revenue * ((size - ranks.revenue_rank) - (ranks.revenue_rank - 1)),
    )
    sums = ["net_revenue", "top_10_net_revenue", "top_fifth_net_revenue", "differences"]
    found = ranks.groupby(GROUP, as_index=False).agg(
        members=("member", "size"), **{name: (name, "sum") for name in sums}
    )
    return found.assign(members_net_revenue=found.members * found.net_revenue)
