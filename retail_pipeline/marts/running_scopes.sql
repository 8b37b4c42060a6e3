WITH periods AS (
  SELECT 'all time' AS period, mart_invoice_days.* FROM mart_invoice_days
  UNION ALL
  SELECT year AS period, mart_invoice_days.* FROM mart_invoice_days
), scopes AS (
  SELECT 'all' AS scope_type, 'All countries' AS scope, periods.* FROM periods
  UNION ALL
  SELECT 'region' AS scope_type, region AS scope, periods.* FROM periods
  UNION ALL
  SELECT 'country' AS scope_type, country AS scope, periods.* FROM periods
)
SELECT
  scope_type,
  scope,
  period,
  currency,
  SUM(line_count) AS line_count,
  MEASURE(gross_sales) AS gross_sales,
  MEASURE(returns_value) AS returns_value,
  MEASURE(units_sold) AS units_sold,
  MEASURE(units_returned) AS units_returned,
  MEASURE(orders) AS orders,
  MEASURE(adjustments_value) AS adjustments_value,
  MEASURE(guest_orders) AS guest_orders,
  MEASURE(guest_net_revenue) AS guest_net_revenue
FROM scopes
GROUP BY scope_type, scope, period, currency
