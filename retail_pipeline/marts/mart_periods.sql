WITH coverage AS (
  SELECT source, MIN(invoice_date) AS first_day, MAX(invoice_date) AS last_day
  FROM mart_invoice_days
  GROUP BY source
), whole AS (
  SELECT MIN(first_day) AS first_day, MAX(last_day) AS last_day FROM coverage
), months AS (
  SELECT DISTINCT DATE_FORMAT(invoice_date, '%Y-%m-01') AS month FROM mart_sales_daily
), periods AS (
  SELECT 'month' AS period_type, DATE_FORMAT(month, '%Y-%m') AS period, month AS starts,
    DATE_ADD(DATE_ADD(month, INTERVAL 1 MONTH), INTERVAL -1 DAY) AS ends
  FROM months
  UNION
  SELECT 'year' AS period_type, DATE_FORMAT(month, '%Y') AS period, DATE_FORMAT(month, '%Y-01-01') AS starts,
    DATE_FORMAT(month, '%Y-12-31') AS ends
  FROM months
  UNION
  SELECT 'all time' AS period_type, 'all time' AS period, whole.first_day AS starts, whole.last_day AS ends
  FROM whole
  WHERE whole.first_day IS NOT NULL
), covered AS (
  SELECT
    periods.period_type,
    periods.period,
    CAST(periods.starts AS DATE) AS starts,
    CAST(periods.ends AS DATE) AS ends,
    CASE WHEN whole.first_day > periods.starts THEN whole.first_day ELSE CAST(periods.starts AS DATE) END AS first_day,
    CASE WHEN whole.last_day < periods.ends THEN whole.last_day ELSE CAST(periods.ends AS DATE) END AS last_day
  FROM periods
  CROSS JOIN whole
)
SELECT
  covered.period_type,
  covered.period,
  covered.starts,
  covered.ends,
  covered.first_day,
  covered.last_day,
  DATEDIFF(covered.last_day, covered.first_day) + 1 AS days_covered,
  CASE WHEN covered.period_type <> 'all time' AND EXISTS (
    SELECT 1 FROM coverage
    WHERE (coverage.first_day > covered.starts AND coverage.first_day <= covered.ends)
      OR (coverage.last_day >= covered.starts AND coverage.last_day < covered.ends)
  ) THEN 1 ELSE 0 END AS is_partial
FROM covered
