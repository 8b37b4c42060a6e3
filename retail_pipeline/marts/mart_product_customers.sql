SELECT
  source,
  product_code,
  customer_id,
  currency,
  COUNT(*) AS line_count,
  MEASURE(gross_sales) AS gross_sales,
  MEASURE(returns_value) AS returns_value,
  MEASURE(units_sold) AS units_sold,
  MEASURE(units_returned) AS units_returned,
  MEASURE(orders) AS orders
FROM order_lines
WHERE kind IN ('sale', 'return') AND customer_id IS NOT NULL
GROUP BY source, product_code, customer_id, currency
