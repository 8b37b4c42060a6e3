WITH periods AS (
  SELECT 'all time' AS period, mart_invoice_days.* FROM mart_invoice_days
  UNION ALL
  SELECT DATE_FORMAT(invoice_date, '%Y') AS period, mart_invoice_days.* FROM mart_invoice_days
), scopes AS (
  SELECT 'all' AS scope_type, 'All countries' AS scope, periods.* FROM periods
  UNION ALL
  SELECT 'region' AS scope_type, region AS scope, periods.* FROM periods
  UNION ALL
  SELECT 'country' AS scope_type, country AS scope, periods.* FROM periods
), totals AS (
  SELECT
    scope_type,
    scope,
    period,
    currency,
    MIN(invoice_date) AS first_invoice_date,
    MAX(invoice_date) AS last_invoice_date,
    MEASURE(gross_sales) AS gross_sales,
    MEASURE(returns_value) AS returns_value,
    MEASURE(units_sold) AS units_sold,
    MEASURE(units_returned) AS units_returned,
    MEASURE(orders) AS orders,
    MEASURE(customers) AS customers,
    MEASURE(adjustments_value) AS adjustments_value
  FROM scopes
  GROUP BY scope_type, scope, period, currency
), buyers AS (
  SELECT
    scope_type,
    scope,
    period,
    currency,
    customer_key,
    MEASURE(orders) AS orders,
    MEASURE(gross_sales) AS gross_sales,
    MEASURE(returns_value) AS returns_value
  FROM scopes
  GROUP BY scope_type, scope, period, currency, customer_key
), loyalty AS (
  SELECT
    scope_type,
    scope,
    period,
    currency,
    MEASURE(one_time_customers) AS one_time_customers,
    MEASURE(repeat_customers) AS repeat_customers,
    SUM(CASE WHEN customer_key IS NULL THEN orders ELSE 0 END) AS guest_orders,
    SUM(CASE WHEN customer_key IS NOT NULL AND orders = 1 THEN MEASURE(net_revenue) ELSE 0 END) AS one_time_net_revenue,
    SUM(CASE WHEN customer_key IS NOT NULL AND orders >= 2 THEN MEASURE(net_revenue) ELSE 0 END) AS repeat_net_revenue,
    SUM(CASE WHEN customer_key IS NOT NULL AND orders = 0 THEN MEASURE(net_revenue) ELSE 0 END) AS no_order_net_revenue,
    SUM(CASE WHEN customer_key IS NULL THEN MEASURE(net_revenue) ELSE 0 END) AS guest_net_revenue
  FROM buyers
  GROUP BY scope_type, scope, period, currency
)
SELECT
  totals.*,
  MEASURE(net_revenue) AS net_revenue,
  MEASURE(average_order_value) AS average_order_value,
  MEASURE(return_rate) AS return_rate,
  loyalty.one_time_customers,
  loyalty.repeat_customers,
  loyalty.guest_orders,
  loyalty.one_time_net_revenue,
  loyalty.repeat_net_revenue,
  loyalty.no_order_net_revenue,
  loyalty.guest_net_revenue
FROM totals
JOIN loyalty
  ON loyalty.scope_type = totals.scope_type AND loyalty.scope = totals.scope
  AND loyalty.period = totals.period AND loyalty.currency = totals.currency
