WITH days AS (
  SELECT
    invoice_date,
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
  GROUP BY invoice_date, country, country_code, region, currency
)
SELECT
  *,
  MEASURE(net_revenue) AS net_revenue,
  MEASURE(average_order_value) AS average_order_value,
  MEASURE(return_rate) AS return_rate
FROM days
