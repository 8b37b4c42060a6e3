-- Returns are read once, in the order of an index, and few rows are left of them. Those of a month's sales are booked in
-- that month or later: where only some months are made anew, all later ones are.
WITH counted AS (
  SELECT
    month,
    currency,
    is_matched,
    is_same_day_reversal,
    sale_month,
    SUM(returns_value) AS returns_value,
    SUM(units_returned) AS units_returned
  FROM mart_returns
  GROUP BY month, currency, is_matched, is_same_day_reversal, sale_month
), booked AS (
  SELECT
    month,
    currency,
    SUM(returns_value) AS returns_value,
    SUM(units_returned) AS units_returned,
    SUM(CASE WHEN is_matched = 1 THEN returns_value ELSE 0 END) AS matched_value,
    SUM(CASE WHEN is_matched = 0 THEN returns_value ELSE 0 END) AS unmatched_value,
    SUM(CASE WHEN is_same_day_reversal = 1 THEN returns_value ELSE 0 END) AS same_day_reversals_value
  FROM counted
  GROUP BY month, currency
), undone AS (
  SELECT sale_month AS month, currency, SUM(returns_value) AS returns_of_sales_value
  FROM counted
  WHERE is_matched = 1
  GROUP BY sale_month, currency
), sold AS (
  SELECT month, currency, SUM(gross_sales) AS gross_sales
  FROM mart_sales_monthly
  GROUP BY month, currency
), months AS (
  SELECT
    sold.month,
    sold.currency,
    sold.gross_sales,
    COALESCE(booked.returns_value, 0) AS returns_value,
    COALESCE(booked.units_returned, 0) AS units_returned,
    COALESCE(booked.matched_value, 0) AS matched_value,
    COALESCE(booked.unmatched_value, 0) AS unmatched_value,
    COALESCE(booked.same_day_reversals_value, 0) AS same_day_reversals_value,
    COALESCE(undone.returns_of_sales_value, 0) AS returns_of_sales_value
  FROM sold
  LEFT JOIN booked ON booked.month = sold.month AND booked.currency = sold.currency
  LEFT JOIN undone ON undone.month = sold.month AND undone.currency = sold.currency
)
SELECT
  months.*,
  MEASURE(return_rate) AS return_rate,
  ROUND(months.matched_value / NULLIF(months.returns_value, 0), 6) AS matched_share,
  ROUND(months.returns_of_sales_value / NULLIF(months.gross_sales, 0), 6) AS return_rate_of_sales,
  ROUND(
    (months.returns_value - months.same_day_reversals_value)
    / NULLIF(months.gross_sales - months.same_day_reversals_value, 0), 6
  ) AS return_rate_without_reversals,
  periods.is_partial
FROM months
JOIN mart_periods AS periods ON periods.period_type = 'month' AND periods.starts = months.month
