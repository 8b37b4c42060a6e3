-- Each sale is looked up among the returns, which are few: hence STRAIGHT_JOIN. DISTINCT, though lines are, makes MySQL
-- put the returns into a table with an index for that, of the columns in this order: those that must be equal come first.
WITH returned AS (
  SELECT DISTINCT
    source,
    customer_id,
    product_code,
    currency,
    invoice_date,
    invoiced_at,
    invoice_no,
    load_id,
    line_no,
    -quantity AS units
  FROM order_lines
  WHERE kind = 'return' AND customer_id IS NOT NULL
), candidates AS (
  SELECT
    returned.load_id,
    returned.line_no,
    returned.invoiced_at,
    returned.invoice_no,
    returned.units,
    sales.load_id AS sale_load_id,
    sales.line_no AS sale_line_no,
    sales.invoice_no AS sale_invoice_no,
    sales.invoice_date AS sale_date,
    sales.quantity AS sale_quantity,
    sales.unit_price AS sale_price,
    ROW_NUMBER() OVER (
      PARTITION BY returned.load_id, returned.line_no
      ORDER BY sales.invoiced_at DESC, sales.invoice_no DESC, sales.line_no DESC, sales.load_id DESC
    ) AS place
  FROM order_lines AS sales
  STRAIGHT_JOIN returned
    ON sales.source = returned.source AND sales.customer_id = returned.customer_id
    AND sales.product_code = returned.product_code AND sales.currency = returned.currency
    AND sales.invoice_date BETWEEN DATE_ADD(returned.invoice_date, INTERVAL -1 YEAR) AND returned.invoice_date
  WHERE sales.kind = 'sale' AND sales.customer_id IS NOT NULL AND sales.invoiced_at <= returned.invoiced_at
    AND sales.quantity >= returned.units AND returned.units > 0
), claims AS (
  SELECT
    load_id,
    line_no,
    sale_invoice_no,
    sale_date,
    sale_quantity,
    sale_price,
    SUM(units) OVER (
      PARTITION BY sale_load_id, sale_line_no
      ORDER BY invoiced_at, invoice_no, line_no, load_id ROWS UNBOUNDED PRECEDING
    ) AS units_claimed
  FROM candidates
  -- Not "= 1", for which MySQL would make an index: reading all that it finds by one value holds their pages in the buffer
  -- pool until the end, and the whole server waits for ever once there are more than fit (bugs.mysql.com/96236).
  WHERE place < 2
)
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
  -o.amount AS returns_value,
  CASE WHEN claims.load_id IS NULL THEN 0 ELSE 1 END AS is_matched,
  claims.sale_invoice_no,
  claims.sale_date,
  DATE_FORMAT(claims.sale_date, '%Y-%m-01') AS sale_month,
  DATEDIFF(o.invoice_date, claims.sale_date) AS days_until_return,
  CASE
    WHEN claims.sale_date = o.invoice_date AND claims.sale_quantity = -o.quantity AND claims.sale_price = o.unit_price
    THEN 1 ELSE 0
  END AS is_same_day_reversal
FROM order_lines AS o
LEFT JOIN countries AS c ON c.label = UPPER(o.country)
LEFT JOIN claims
  ON claims.load_id = o.load_id AND claims.line_no = o.line_no AND claims.units_claimed <= claims.sale_quantity
WHERE o.kind = 'return'
