WITH months AS (
  SELECT
    month,
    country,
    country_code,
    region,
    currency,
    MEASURE(gross_sales) AS gross_sales,
    MEASURE(returns_value) AS returns_value,
    MEASURE(units_sold) AS units_sold,
    MEASURE(units_returned) AS units_returned,
    MEASURE(orders) AS orders,
    MEASURE(customers) AS customers,
    MEASURE(adjustments_value) AS adjustments_value
  FROM mart_invoice_days
  GROUP BY month, country, country_code, region, currency
), per_customer AS (
  SELECT customer_key, month, country, currency, MEASURE(orders) AS orders
  FROM mart_invoice_days
  WHERE customer_key IS NOT NULL
  GROUP BY customer_key, month, country, currency
), came_back AS (
  SELECT month, country, currency, MEASURE(repeat_customers) AS repeat_customers
  FROM per_customer
  GROUP BY month, country, currency
)
SELECT
  months.*,
  MEASURE(net_revenue) AS net_revenue,
  MEASURE(average_order_value) AS average_order_value,
  MEASURE(return_rate) AS return_rate,
  COALESCE(came_back.repeat_customers, 0) AS repeat_customers,
  periods.days_covered,
  periods.is_partial,
  MEASURE(net_revenue_per_day) AS net_revenue_per_day
FROM months
JOIN mart_periods AS periods ON periods.period_type = 'month' AND periods.starts = months.month
LEFT JOIN came_back
  ON came_back.month = months.month AND came_back.country = months.country AND came_back.currency = months.currency
