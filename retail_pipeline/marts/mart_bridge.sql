WITH typed AS (
  SELECT
    load_id,
    month,
    currency,
    adjustment_code,
    CASE WHEN replaced_by <> '' THEN 'superseded' ELSE kind END AS what,
    line_count,
    amount
  FROM running_load_months
), steps AS (
  SELECT load_id, month, currency, 1 AS step_no, 'file_total' AS step, '' AS adjustment_code, line_count, amount FROM typed
  UNION ALL
  SELECT load_id, month, currency, 3, 'superseded', '', line_count, -amount FROM typed WHERE what = 'superseded'
  UNION ALL
  SELECT load_id, month, currency, 4, 'adjustment', adjustment_code, line_count, -amount FROM typed WHERE what = 'adjustment'
  UNION ALL
  SELECT load_id, month, currency, 5, 'stock_movement', '', line_count, -amount FROM typed WHERE what = 'stock_movement'
  UNION ALL
  SELECT load_id, month, currency, 6, 'gross_sales', '', line_count, amount FROM typed WHERE what = 'sale'
  UNION ALL
  SELECT load_id, month, currency, 7, 'returns', '', line_count, amount FROM typed WHERE what = 'return'
  UNION ALL
  SELECT load_id, month, currency, 8, 'net_revenue', '', line_count, amount FROM typed WHERE what IN ('sale', 'return')
  UNION ALL
  SELECT load_id, NULL, currency, 1, 'file_total', '', rows_quarantined, amount_quarantined FROM loads
  WHERE rows_quarantined > 0
  UNION ALL
  SELECT load_id, NULL, currency, 2, 'quarantined', '', rows_quarantined, -amount_quarantined FROM loads
  WHERE rows_quarantined > 0
)
SELECT
  load_id,
  month,
  currency,
  step_no,
  step,
  adjustment_code,
  SUM(line_count) AS line_count,
  SUM(amount) AS amount
FROM steps
GROUP BY load_id, month, currency, step_no, step, adjustment_code
