"""The marts of `online_retail` exports computed a second time, from the CSV files alone, and how to compare the two.

Nothing here comes from retail_pipeline. Money and units are whole numbers of 10^-4 until presented: never floats.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from retail_pipeline_tests.independent.comparing import differences
from retail_pipeline_tests.independent.customers import customer_cohorts, customer_months, customers, scored
from retail_pipeline_tests.independent.lines import Geography, measured, read
from retail_pipeline_tests.independent.loads import bridge, load_months, restatements
from retail_pipeline_tests.independent.presenting import COLUMNS, presented
from retail_pipeline_tests.independent.products import (
    classed,
    product_customers,
    product_names,
    product_pairs,
    products,
)
from retail_pipeline_tests.independent.ranks import concentration, revenue_ranks
from retail_pipeline_tests.independent.returns import returns, returns_monthly
from retail_pipeline_tests.independent.sales import buyers, invoice_days, kpis, orders, periods, sales_monthly, scopes
from retail_pipeline_tests.independent.totals import PLACE, totals

__all__ = ["differences", "expected_marts"]


def expected_marts(paths: Iterable[Path], geography: Geography) -> dict[str, pd.DataFrame]:
    """The marts by name, of exports that don't overlap, landed in this order in a warehouse that had none.

    `geography` gives a country label's ISO code and region. Values are str, int, Decimal, date, datetime and None.
    Reads both dialects. mart_restatements is without landed_at, which no file tells.
    """
    files = [read(path, landing_no) for landing_no, path in enumerate(paths, 1)]
    lines = measured(pd.concat([lines for lines, _ in files], ignore_index=True), geography)
    quarantined = pd.concat([rows for _, rows in files], ignore_index=True)
    covered, matched = periods(lines), returns(lines)
    each_customer, each_product, months = customers(lines), products(lines), load_months(lines)
    named, ranks = scored(each_customer, lines), revenue_ranks(each_customer, lines)
    marts = {
        "mart_periods": covered,
        "mart_invoice_days": invoice_days(lines),
        "mart_orders": orders(lines),
        "mart_sales_daily": totals(lines, ["invoice_date", *PLACE, "currency"]),
        "mart_sales_monthly": sales_monthly(lines, covered),
        "mart_kpis": kpis(lines, covered),
        "mart_customers": named,
        "mart_customer_months": customer_months(lines),
        "mart_customer_cohorts": customer_cohorts(each_customer, lines),
        "mart_products": classed(each_product),
        "mart_product_customers": product_customers(lines),
        "mart_product_pairs": product_pairs(lines),
        "mart_revenue_ranks": ranks,
        "mart_concentration": concentration(ranks),
        "mart_returns": matched,
        "mart_returns_monthly": returns_monthly(matched, lines, covered),
        "mart_bridge": bridge(months, quarantined),
        "mart_restatements": restatements(months, lines),
        "running_scopes": scopes(lines),
        "running_buyers": buyers(lines),
        "running_customers": each_customer,
        "running_products": each_product,
        "running_product_names": product_names(lines),
        "running_load_months": months,
    }
    return {name: presented(marts[name], columns.split()) for name, columns in COLUMNS.items()}
