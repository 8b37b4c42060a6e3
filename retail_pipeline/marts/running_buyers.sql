WITH periods AS (
  SELECT 'all time' AS period, mart_invoice_days.* FROM mart_invoice_days WHERE customer_id IS NOT NULL
  UNION ALL
  SELECT year AS period, mart_invoice_days.* FROM mart_invoice_days WHERE customer_id IS NOT NULL
), scopes AS (
  SELECT 'all' AS scope_type, 'All countries' AS scope, periods.* FROM periods
  UNION ALL
  SELECT 'region' AS scope_type, region AS scope, periods.* FROM periods
  UNION ALL
  SELECT 'country' AS scope_type, country AS scope, periods.* FROM periods
)
SELECT
  period,
  scope_type,
  scope,
  currency,
  source,
  customer_id,
  SUM(line_count) AS line_count,
  MEASURE(orders) AS orders,
  MEASURE(gross_sales) AS gross_sales,
  MEASURE(returns_value) AS returns_value
FROM scopes
GROUP BY period, scope_type, scope, currency, source, customer_id
