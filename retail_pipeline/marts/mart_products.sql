WITH products AS (
  SELECT
    source,
    product_code,
    currency,
    MIN(CASE WHEN kind = 'sale' THEN invoice_date END) AS first_sold,
    MAX(CASE WHEN kind = 'sale' THEN invoice_date END) AS last_sold,
    MEASURE(gross_sales) AS gross_sales,
    MEASURE(returns_value) AS returns_value,
    MEASURE(units_sold) AS units_sold,
    MEASURE(units_returned) AS units_returned,
    MEASURE(orders) AS orders,
    MEASURE(customers) AS customers
  FROM order_lines
  WHERE kind IN ('sale', 'return')
  GROUP BY source, product_code, currency
), names AS (
  SELECT
    source,
    product_code,
    description,
    ROW_NUMBER() OVER (PARTITION BY source, product_code ORDER BY COUNT(*) DESC, description) AS place
  FROM order_lines
  WHERE kind = 'sale' AND description IS NOT NULL
  GROUP BY source, product_code, description
)
SELECT
  products.*,
  names.description,
  MEASURE(net_revenue) AS net_revenue,
  MEASURE(return_rate) AS return_rate
FROM products
LEFT JOIN names
  ON names.source = products.source AND names.product_code = products.product_code AND names.place = 1
