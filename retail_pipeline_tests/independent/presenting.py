"""The marts' columns, and their values as a database's driver gives them."""

from decimal import Decimal

import pandas as pd

from retail_pipeline_tests.independent.lines import PLACES
from retail_pipeline_tests.independent.totals import LOYALTY, SUMS

MEASURES = "gross_sales returns_value units_sold units_returned"
SALES = f"{MEASURES} orders customers adjustments_value net_revenue average_order_value return_rate"
PLACE = "country country_code region"
SCORES = "recency_score frequency_score monetary_score"
CUSTOMER = f"source customer_id currency first_order_date last_order_date {MEASURES} orders {PLACE}"
COLUMNS = {
    "mart_periods": "period_type period starts ends first_day last_day days_covered is_partial",
    "mart_invoice_days": f"source invoice_no invoice_date month year {PLACE} customer_id customer_key currency "
    f"order_key first_invoiced_at line_count {MEASURES} adjustments_value",
    "mart_orders": f"source invoice_no invoice_date first_invoiced_at {PLACE} customer_id currency line_count orders "
    f"{MEASURES} adjustments_value net_revenue",
    "mart_sales_daily": f"invoice_date {PLACE} currency {SALES}",
    "mart_sales_monthly": f"month {PLACE} currency {SALES} repeat_customers days_covered is_partial "
    "net_revenue_per_day",
    "mart_kpis": f"scope_type scope period currency first_day last_day days_covered is_partial {SALES} guest_orders "
    "guest_net_revenue one_time_customers repeat_customers one_time_net_revenue repeat_net_revenue "
    "no_order_net_revenue customer_orders units_per_order repeat_customer_share orders_per_customer "
    "net_revenue_per_customer net_revenue_per_day",
    "mart_customers": f"{CUSTOMER} customer_type net_revenue average_order_value return_rate recency_days "
    f"days_between_orders {SCORES} segment",
    "mart_customer_months": "source customer_id month currency line_count gross_sales returns_value orders net_revenue",
    "mart_customer_cohorts": "cohort_month months_since month currency cohort_customers active_customers orders "
    "net_revenue retention is_partial is_first_month_of_data",
    "mart_products": f"source product_code currency description descriptions first_sold last_sold {MEASURES} orders "
    "customers net_revenue return_rate revenue_rank cumulative_share abc_class",
    "mart_product_customers": f"source product_code customer_id currency line_count {MEASURES} orders",
    "mart_product_pairs": "source month product_a product_b orders_together orders_a orders_b orders_total support "
    "confidence_a_to_b confidence_b_to_a lift",
    "mart_revenue_ranks": "dimension currency revenue_rank member net_revenue share cumulative_share is_top_10 "
    "is_top_fifth",
    "mart_concentration": "dimension currency members net_revenue top_10_net_revenue top_fifth_net_revenue "
    "top_10_share top_fifth_share gini",
    "mart_returns": "load_id line_no source invoice_no invoice_date month product_code description customer_id "
    f"{PLACE} currency unit_price units_returned returns_value is_matched sale_invoice_no sale_date sale_month "
    "days_until_return is_same_day_reversal",
    "mart_returns_monthly": "month currency gross_sales returns_value units_returned matched_value unmatched_value "
    "same_day_reversals_value returns_of_sales_value return_rate matched_share return_rate_of_sales "
    "return_rate_without_reversals is_partial",
    "mart_bridge": "load_id month currency step_no step adjustment_code line_count amount",
    "mart_restatements": "month currency landing_no load_id lines_added lines_removed net_revenue_before "
    "net_revenue_after net_revenue_change",
    "running_scopes": f"scope_type scope period currency line_count {MEASURES} orders adjustments_value guest_orders "
    "guest_net_revenue",
    "running_buyers": "period scope_type scope currency source customer_id line_count orders gross_sales returns_value",
    "running_customers": CUSTOMER,
    "running_products": f"source product_code currency line_count first_sold last_sold {MEASURES} orders",
    "running_product_names": "source product_code description line_count",
    "running_load_months": "load_id replaced_by month currency kind adjustment_code line_count amount",
}

RATIOS = {
    "average_order_value": ("gross_sales", "orders", 4),
    "units_per_order": ("units_sold", "orders", 3),
    "return_rate": ("returns_value", "gross_sales", 6),
    "repeat_customer_share": ("repeat_customers", "customers", 6),
    "orders_per_customer": ("customer_orders", "customers", 3),
    "net_revenue_per_customer": ("buyers_net_revenue", "customers", 4),
    "net_revenue_per_day": ("net_revenue", "days_covered", 4),
    "days_between_orders": ("days_ordering", "orders_after_first", 1),
    "retention": ("active_customers", "cohort_customers", 6),
    "share": ("net_revenue", "revenue_of_all", 6),
    "cumulative_share": ("revenue_up_to_here", "revenue_of_all", 6),
    "top_10_share": ("top_10_net_revenue", "net_revenue", 6),
    "top_fifth_share": ("top_fifth_net_revenue", "net_revenue", 6),
    "gini": ("differences", "members_net_revenue", 6),
    "support": ("orders_together", "orders_total", 6),
    "confidence_a_to_b": ("orders_together", "orders_a", 6),
    "confidence_b_to_a": ("orders_together", "orders_b", 6),
    "lift": ("together_of_total", "a_times_b", 6),
    "matched_share": ("matched_value", "returns_value", 6),
    "return_rate_of_sales": ("returns_of_sales_value", "gross_sales", 6),
    "return_rate_without_reversals": ("returns_without_reversals", "sales_without_reversals", 6),
}
"""What is divided by what, and the decimals of the result; it is empty where that is 0."""

SCALED = {
    *SUMS,
    *(f"{who}_net_revenue" for who in [*LOYALTY, "buyers", "top_10", "top_fifth"]),
    *("unit_price", "amount", "net_revenue_before", "net_revenue_after", "net_revenue_change"),
    *("matched_value", "unmatched_value", "same_day_reversals_value", "returns_of_sales_value"),
    *("revenue_up_to_here", "revenue_of_all", "returns_without_reversals", "sales_without_reversals"),
}
"""The columns that are counted in 10^-4."""

NEVER_EMPTY = {"adjustment_code", "replaced_by"}
"""Texts that are part of a key: an empty one is a text like others."""


def presented(mart: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The mart's columns, with their values as a database's driver gives them."""

    def value(column: str, stored: object) -> object:
        if pd.isna(stored) or (stored == "" and column not in NEVER_EMPTY):
            return None
        if isinstance(stored, pd.Timestamp):
            return stored.to_pydatetime() if column == "first_invoiced_at" else stored.date()
        return Decimal(stored).scaleb(-PLACES) if column in SCALED else stored

    def quotients(above: str, below: str, places: int) -> list[Decimal | None]:
        units = [1 if name in SCALED else 10**PLACES for name in (above, below)]
        pairs = zip(mart[above].tolist(), mart[below].tolist(), strict=True)
        return [None if pd.isna(a) or not b else rounded(a * units[0], b * units[1], places) for a, b in pairs]

    shown = {
        name: quotients(*RATIOS[name]) if name in RATIOS else [value(name, stored) for stored in mart[name].tolist()]
        for name in columns
    }
    return pd.DataFrame(shown, columns=columns, dtype=object)


def rounded(above: int, below: int, places: int) -> Decimal:
    """Half away from zero."""
    size = (2 * abs(above) * 10**places + abs(below)) // (2 * abs(below))
    return Decimal(size if (above < 0) == (below < 0) else -size).scaleb(-places)
