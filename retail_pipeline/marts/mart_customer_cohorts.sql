WITH cohorts AS (
  SELECT source, customer_id, currency, CAST(DATE_FORMAT(first_order_date, '%Y-%m-01') AS DATE) AS cohort_month
  FROM running_customers
  WHERE first_order_date IS NOT NULL
), sizes AS (
  SELECT cohort_month, currency, COUNT(*) AS cohort_customers
  FROM cohorts
  GROUP BY cohort_month, currency
), activity AS (
  SELECT
    cohorts.cohort_month,
    months.month,
    months.currency,
    SUM(CASE WHEN months.orders >= 1 THEN 1 ELSE 0 END) AS active_customers,
    SUM(months.orders) AS orders,
    SUM(months.net_revenue) AS net_revenue
  FROM mart_customer_months AS months
  JOIN cohorts
    ON cohorts.source = months.source AND cohorts.customer_id = months.customer_id AND cohorts.currency = months.currency
  WHERE months.month >= cohorts.cohort_month
  GROUP BY cohorts.cohort_month, months.month, months.currency
), months AS (
  SELECT DISTINCT month, is_partial FROM mart_sales_monthly
), first_month AS (
  SELECT MIN(starts) AS month FROM mart_periods WHERE period_type = 'month'
)
SELECT
  sizes.cohort_month,
  (CAST(DATE_FORMAT(months.month, '%Y') AS SIGNED) - CAST(DATE_FORMAT(sizes.cohort_month, '%Y') AS SIGNED)) * 12
    + CAST(DATE_FORMAT(months.month, '%m') AS SIGNED) - CAST(DATE_FORMAT(sizes.cohort_month, '%m') AS SIGNED)
    AS months_since,
  months.month,
  sizes.currency,
  sizes.cohort_customers,
  COALESCE(activity.active_customers, 0) AS active_customers,
  COALESCE(activity.orders, 0) AS orders,
  COALESCE(activity.net_revenue, 0) AS net_revenue,
  ROUND(COALESCE(activity.active_customers, 0) / NULLIF(sizes.cohort_customers, 0), 6) AS retention,
  months.is_partial,
  CASE WHEN sizes.cohort_month = first_month.month THEN 1 ELSE 0 END AS is_first_month_of_data
FROM sizes
JOIN months ON months.month >= sizes.cohort_month
CROSS JOIN first_month
LEFT JOIN activity
  ON activity.cohort_month = sizes.cohort_month AND activity.month = months.month
  AND activity.currency = sizes.currency
