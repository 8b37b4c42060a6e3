"""Returns, and the sales that they undo."""

from collections import Counter, defaultdict

import pandas as pd

from retail_pipeline_tests.independent.totals import goods, joined, known


def returns(lines: pd.DataFrame) -> pd.DataFrame:
    """Each returned line with the sale that it undoes: the latest of a year that is large enough, while its units last.

    A sale of the same minute counts as earlier. A return that its sale has too few units left for takes them all the
    same: later ones don't get them either.
    """
    candidates = known(goods(lines))
    same = candidates.groupby(["source", "customer_id", "product_code", "currency"]).ngroup()
    candidates = candidates.assign(same=same, is_sale=candidates.kind == "sale")
    candidates = candidates[same.isin(same[~candidates.is_sale])]
    earlier, units_claimed, found = defaultdict(list), Counter(), {}
    order = ["invoiced_at", "is_sale", "invoice_no", "line_no", "load_id"]
    for line in candidates.sort_values(order, ascending=[name != "is_sale" for name in order]).itertuples():
        if line.is_sale:
            earlier[line.same].append(line)
            continue
        year_before = line.invoice_date - pd.DateOffset(years=1)
        large_enough = (
            sale
            for sale in reversed(earlier[line.same])
            if sale.units_sold >= line.units_returned > 0 and sale.invoice_date >= year_before
        )
        if (sale := next(large_enough, None)) is not None:
            units_claimed[sale.Index] += line.units_returned
            if units_claimed[sale.Index] <= sale.units_sold:
                is_whole = (
                    sale.invoice_date == line.invoice_date
                    and sale.units_sold == line.units_returned
                    and sale.unit_price == line.unit_price
                )
                found[line.Index] = (1, sale.invoice_no, sale.invoice_date, sale.month, int(is_whole))
    back = lines[lines.kind == "return"]
    columns = ["is_matched", "sale_invoice_no", "sale_date", "sale_month", "is_same_day_reversal"]
    sales = [found.get(index, (0, None, pd.NaT, pd.NaT, 0)) for index in back.index]
    days = dict.fromkeys(["sale_date", "sale_month"], "datetime64[us]")
    matched = back.join(pd.DataFrame(sales, columns=columns, index=back.index).astype(days))
    return matched.assign(days_until_return=(matched.invoice_date - matched.sale_date).dt.days.astype("Int64"))


def returns_monthly(matched: pd.DataFrame, lines: pd.DataFrame, covered: pd.DataFrame) -> pd.DataFrame:
    """By the month in which they were booked, and by that of the sales that they undo."""
    is_matched = matched.is_matched == 1
    booked = matched.assign(
        matched_value=matched.returns_value.where(is_matched, 0),
        unmatched_value=matched.returns_value.where(~is_matched, 0),
        same_day_reversals_value=matched.returns_value.where(matched.is_same_day_reversal == 1, 0),
    )
    values = ["returns_value", "units_returned", "matched_value", "unmatched_value", "same_day_reversals_value"]
    undone = matched[is_matched].assign(month=matched.sale_month, returns_of_sales_value=matched.returns_value)
    grain = ["month", "currency"]
    found = lines.groupby(grain, as_index=False).agg(gross_sales=("gross_sales", "sum"))
    found = joined(found, booked.groupby(grain)[values].sum())
    found = joined(found, undone.groupby(grain)[["returns_of_sales_value"]].sum())
    found["returns_without_reversals"] = found.returns_value - found.same_day_reversals_value
    found["sales_without_reversals"] = found.gross_sales - found.same_day_reversals_value
    return found.merge(covered[covered.period_type == "month"].rename(columns={"starts": "month"}), on="month")
