-- Days as text, because MySQL makes 0000-00-00 of the MIN of dates that are all NULL when it groups in a temporary table.
SELECT
  source,
  product_code,
  currency,
  COUNT(*) AS line_count,
  MIN(CASE WHEN kind = 'sale' THEN CAST(invoice_date AS CHAR) END) AS first_sold,
  MAX(CASE WHEN kind = 'sale' THEN CAST(invoice_date AS CHAR) END) AS last_sold,
  MEASURE(gross_sales) AS gross_sales,
  MEASURE(returns_value) AS returns_value,
  MEASURE(units_sold) AS units_sold,
  MEASURE(units_returned) AS units_returned,
  MEASURE(orders) AS orders
FROM order_lines
WHERE kind IN ('sale', 'return')
GROUP BY source, product_code, currency
