SELECT
  o.source,
  o.invoice_no,
  o.invoice_date,
  DATE_FORMAT(o.invoice_date, '%Y-%m-01') AS month,
  DATE_FORMAT(o.invoice_date, '%Y') AS year,
  o.country,
  c.iso2 AS country_code,
  COALESCE(c.region, 'Unknown') AS region,
  o.customer_id,
  CONCAT(o.source, '/', o.customer_id) AS customer_key,
  o.currency,
  MAX(CASE WHEN o.kind = 'sale' THEN CONCAT(o.source, '/', o.invoice_no) END) AS order_key,
  MIN(o.invoiced_at) AS first_invoiced_at,
  COUNT(*) AS line_count,
  MEASURE(gross_sales) AS gross_sales,
  MEASURE(returns_value) AS returns_value,
  MEASURE(units_sold) AS units_sold,
  MEASURE(units_returned) AS units_returned,
  MEASURE(adjustments_value) AS adjustments_value
FROM order_lines AS o
LEFT JOIN countries AS c ON c.label = UPPER(o.country)
GROUP BY o.source, o.invoice_no, o.invoice_date, o.country, c.iso2, c.region, o.customer_id, o.currency
