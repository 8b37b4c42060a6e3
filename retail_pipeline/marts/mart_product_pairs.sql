WITH orders AS (
  SELECT source, month, invoice_no
  FROM mart_invoice_days
  WHERE order_key IS NOT NULL
  GROUP BY source, month, invoice_no
), totals AS (
  -- Not from `orders`: MySQL takes what is grouped for sorted, also where it isn't, and would tell a month several times.
  SELECT source, month, COUNT(DISTINCT invoice_no) AS orders_total
  FROM mart_invoice_days
  WHERE order_key IS NOT NULL
  GROUP BY source, month
), sold AS (
  -- Not DISTINCT: MySQL would write it down before it is counted, and MariaDB four times.
  SELECT orders.source, orders.month, orders.invoice_no, order_lines.product_code
  FROM orders
  JOIN order_lines ON order_lines.source = orders.source AND order_lines.invoice_no = orders.invoice_no
  WHERE order_lines.kind = 'sale' AND DATE_FORMAT(order_lines.invoice_date, '%Y-%m-01') = orders.month
), ranked AS (
  SELECT
    source,
    month,
    product_code,
    COUNT(DISTINCT invoice_no) AS orders,
    ROW_NUMBER() OVER (PARTITION BY source, month ORDER BY COUNT(DISTINCT invoice_no) DESC, product_code) AS place
  FROM sold
  GROUP BY source, month, product_code
), favourites AS (
  -- Grouped, so that MySQL looks a line up among these few, and not among its product's rows of all months.
  SELECT source, month, product_code, MAX(orders) AS orders
  FROM ranked
  WHERE place <= 100
  GROUP BY source, month, product_code
), popular AS (
  SELECT DISTINCT sold.source, sold.month, sold.invoice_no, sold.product_code, favourites.orders
  FROM sold
  JOIN favourites
    ON favourites.source = sold.source AND favourites.month = sold.month
    AND favourites.product_code = sold.product_code
), pairs AS (
  SELECT
    a.source,
    a.month,
    a.product_code AS product_a,
    b.product_code AS product_b,
    COUNT(*) AS orders_together,
    MAX(a.orders) AS orders_a,
    MAX(b.orders) AS orders_b
  FROM popular AS a
  JOIN popular AS b
    ON b.invoice_no = a.invoice_no AND b.source = a.source AND b.month = a.month AND b.product_code > a.product_code
  GROUP BY a.source, a.month, a.product_code, b.product_code
  HAVING COUNT(*) >= 5
)
SELECT
  pairs.*,
  totals.orders_total,
  ROUND(pairs.orders_together / NULLIF(totals.orders_total, 0), 6) AS support,
  ROUND(pairs.orders_together / NULLIF(pairs.orders_a, 0), 6) AS confidence_a_to_b,
  ROUND(pairs.orders_together / NULLIF(pairs.orders_b, 0), 6) AS confidence_b_to_a,
  ROUND((pairs.orders_together * totals.orders_total) / NULLIF(pairs.orders_a * pairs.orders_b, 0), 6) AS lift
FROM pairs
JOIN totals ON totals.source = pairs.source AND totals.month = pairs.month
