WITH invoices AS (
  SELECT
    source,
    invoice_no,
    MIN(invoice_date) AS invoice_date,
    MIN(first_invoiced_at) AS first_invoiced_at,
    SUM(line_count) AS line_count,
    MEASURE(orders) AS orders,
    MEASURE(gross_sales) AS gross_sales,
    MEASURE(returns_value) AS returns_value,
    MEASURE(units_sold) AS units_sold,
    MEASURE(units_returned) AS units_returned,
    MEASURE(adjustments_value) AS adjustments_value
  FROM mart_invoice_days
  GROUP BY source, invoice_no
), heads AS (
  SELECT
    source,
    invoice_no,
    country,
    country_code,
    region,
    customer_id,
    currency,
    ROW_NUMBER() OVER (
      PARTITION BY source, invoice_no ORDER BY first_invoiced_at, country, customer_id, currency
    ) AS place
  FROM mart_invoice_days
)
SELECT
  invoices.*,
  heads.country,
  heads.country_code,
  heads.region,
  heads.customer_id,
  heads.currency,
  MEASURE(net_revenue) AS net_revenue
FROM invoices
JOIN heads
  ON heads.source = invoices.source AND heads.invoice_no = invoices.invoice_no AND heads.place = 1
