WITH invoices AS (
  SELECT
    source,
    invoice_no,
    MIN(invoice_date) AS invoice_date,
    MIN(first_invoiced_at) AS first_invoiced_at,
    MIN(country) AS country,
    MIN(country_code) AS country_code,
    MIN(region) AS region,
    MIN(customer_id) AS customer_id,
    MIN(currency) AS currency,
    SUM(line_count) AS line_count,
    MEASURE(orders) AS orders,
    MEASURE(gross_sales) AS gross_sales,
    MEASURE(returns_value) AS returns_value,
    MEASURE(units_sold) AS units_sold,
    MEASURE(units_returned) AS units_returned,
    MEASURE(adjustments_value) AS adjustments_value
  FROM mart_invoice_days
  GROUP BY source, invoice_no
)
SELECT *, MEASURE(net_revenue) AS net_revenue
FROM invoices
