"""Products: what each sold, to whom, and with what."""

from itertools import combinations

import pandas as pd

from retail_pipeline_tests.independent.totals import goods, joined, known, totals

PRODUCT = ["source", "product_code"]
SOUGHT, TOGETHER = 100, 5  # the products among which pairs are sought in a month, and how often a pair has to be seen


def product_names(lines: pd.DataFrame) -> pd.DataFrame:
    named = lines[(lines.kind == "sale") & (lines.description != "")]
    return named.groupby([*PRODUCT, "description"], as_index=False).agg(line_count=("line_no", "size"))


def product_customers(lines: pd.DataFrame) -> pd.DataFrame:
    return totals(known(goods(lines)), [*PRODUCT, "customer_id", "currency"])


def products(lines: pd.DataFrame) -> pd.DataFrame:
    """What each sold, under the name that most of its sales carry."""
    days = {"first_sold": ("day_sold", "min"), "last_sold": ("day_sold", "max")}
    names = product_names(lines).sort_values(["line_count", "description"], ascending=[False, True])
    found = totals(goods(lines), [*PRODUCT, "currency"], **days)
    found = joined(found, names.groupby(PRODUCT).agg(descriptions=("description", "size")))
    return found.merge(names.drop_duplicates(PRODUCT)[[*PRODUCT, "description"]], "left", PRODUCT)


def classed(each: pd.DataFrame) -> pd.DataFrame:
    """The products with their rank; A where those before it make less than 80 % of net revenue, B less than 95 %."""
    earning = each[each.net_revenue > 0].sort_values(["net_revenue", *PRODUCT], ascending=[False, True, True])
    revenue = earning.groupby("currency").net_revenue
    found = each.assign(
        revenue_rank=(revenue.cumcount() + 1).astype("Int64"),
        revenue_up_to_here=revenue.cumsum().astype("Int64"),
        revenue_of_all=revenue.transform("sum").astype("Int64"),
    )
    percent_before, all_of_it = 100 * (found.revenue_up_to_here - found.net_revenue), found.revenue_of_all
    found["abc_class"] = "C"
    found.loc[(percent_before < 95 * all_of_it).fillna(False), "abc_class"] = "B"
    found.loc[(percent_before < 80 * all_of_it).fillna(False), "abc_class"] = "A"
    return found


def product_pairs(lines: pd.DataFrame) -> pd.DataFrame:
    """By month, how many orders hold one product, the other and both."""
    found = []
    for (source, month), sales in lines[lines.kind == "sale"].groupby(["source", "month"]):
        held = sales.drop_duplicates(["invoice_no", "product_code"])
        by_orders = held.groupby("product_code").size().sort_values(ascending=False, kind="stable")  # equals: by code
        held = held[held.product_code.isin(by_orders.index[:SOUGHT])]
        holds = pd.crosstab(held.invoice_no, held.product_code)
        both, orders_total = (holds.T @ holds).to_numpy(), sales.invoice_no.nunique()
        for a, b in combinations(range(len(holds.columns)), 2):
            if both[a, b] >= TOGETHER:
                pair = holds.columns[a], holds.columns[b]
                found.append((source, month, *pair, both[a, b], both[a, a], both[b, b], orders_total))
    counts = ["orders_together", "orders_a", "orders_b", "orders_total"]
    pairs = pd.DataFrame(found, columns=["source", "month", "product_a", "product_b", *counts])
    return pairs.assign(
        together_of_total=pairs.orders_together * pairs.orders_total, a_times_b=pairs.orders_a * pairs.orders_b
    )
