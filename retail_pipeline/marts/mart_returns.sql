SELECT
  o.load_id,
  o.line_no,
  o.source,
  o.invoice_no,
  o.invoice_date,
  DATE_FORMAT(o.invoice_date, '%Y-%m-01') AS month,
  o.product_code,
  o.description,
  o.customer_id,
  o.country,
  c.iso2 AS country_code,
  COALESCE(c.region, 'Unknown') AS region,
  o.currency,
  o.unit_price,
  -o.quantity AS units_returned,
  -o.amount AS returns_value
FROM order_lines AS o
LEFT JOIN countries AS c ON c.label = UPPER(o.country)
WHERE o.kind = 'return'
