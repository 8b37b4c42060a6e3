WITH carried AS (
  SELECT load_id, '' AS replaced_by, invoice_date, currency, kind, product_code, amount FROM order_lines
  UNION ALL
  SELECT load_id, first_superseded_by AS replaced_by, invoice_date, currency, kind, product_code, amount
  FROM superseded_lines
)
SELECT
  load_id,
  replaced_by,
  DATE_FORMAT(invoice_date, '%Y-%m-01') AS month,
  currency,
  kind,
  CASE WHEN kind = 'adjustment' THEN product_code ELSE '' END AS adjustment_code,
  COUNT(*) AS line_count,
  SUM(amount) AS amount
FROM carried
GROUP BY load_id, replaced_by, DATE_FORMAT(invoice_date, '%Y-%m-01'), currency, kind,
  CASE WHEN kind = 'adjustment' THEN product_code ELSE '' END
