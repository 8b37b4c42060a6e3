WITH months AS (
  SELECT
    source,
    customer_id,
    month,
    currency,
    SUM(line_count) AS line_count,
    MEASURE(gross_sales) AS gross_sales,
    MEASURE(returns_value) AS returns_value,
    MEASURE(orders) AS orders
  FROM mart_invoice_days
  WHERE customer_id IS NOT NULL
  GROUP BY source, customer_id, month, currency
)
SELECT *, MEASURE(net_revenue) AS net_revenue FROM months
