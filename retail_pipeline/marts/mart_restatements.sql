WITH effects AS (
  SELECT load_id, month, currency, 1 AS sign, kind, line_count, amount
  FROM running_load_months
  WHERE replaced_by <> load_id
  UNION ALL
  SELECT replaced_by AS load_id, month, currency, -1 AS sign, kind, line_count, amount
  FROM running_load_months
  WHERE replaced_by <> load_id AND replaced_by <> ''
), landings AS (
  SELECT
    load_id,
    landing_no,
    landed_at,
    MAX(last_invoice_date) OVER (ORDER BY landing_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_until
  FROM loads
  WHERE status = 'loaded'
), changes AS (
  SELECT
    landings.landing_no,
    landings.landed_at,
    landings.covered_until,
    effects.load_id,
    effects.month,
    effects.currency,
    SUM(CASE WHEN sign = 1 THEN line_count ELSE 0 END) AS lines_added,
    SUM(CASE WHEN sign = -1 THEN line_count ELSE 0 END) AS lines_removed,
    SUM(sign * line_count) AS lines_change,
    SUM(CASE WHEN kind IN ('sale', 'return') THEN sign * amount ELSE 0 END) AS net_revenue_change
  FROM effects
  JOIN landings ON landings.load_id = effects.load_id
  GROUP BY landings.landing_no, landings.landed_at, landings.covered_until, effects.load_id, effects.month, effects.currency
), history AS (
  SELECT
    changes.*,
    SUM(lines_change) OVER (PARTITION BY month, currency ORDER BY landing_no ROWS UNBOUNDED PRECEDING) AS lines_after,
    SUM(net_revenue_change) OVER (PARTITION BY month, currency ORDER BY landing_no ROWS UNBOUNDED PRECEDING) AS net_revenue_after
  FROM changes
)
SELECT
  month,
  currency,
  landing_no,
  load_id,
  landed_at,
  lines_added,
  lines_removed,
  net_revenue_after - net_revenue_change AS net_revenue_before,
  net_revenue_after,
  net_revenue_change
FROM history
WHERE lines_after - lines_change > 0
  AND covered_until >= DATE_ADD(DATE_ADD(month, INTERVAL 1 MONTH), INTERVAL -1 DAY)
