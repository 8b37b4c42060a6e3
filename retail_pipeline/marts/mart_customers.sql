WITH today AS (
  SELECT last_day AS day FROM mart_periods WHERE period_type = 'all time'
), buyers AS (
  SELECT
    source,
    customer_id,
    currency,
    RANK() OVER (PARTITION BY currency ORDER BY last_order_date) AS recency_rank,
    RANK() OVER (PARTITION BY currency ORDER BY orders) AS frequency_rank,
    RANK() OVER (PARTITION BY currency ORDER BY gross_sales - returns_value) AS monetary_rank,
    COUNT(*) OVER (PARTITION BY currency) AS buyers
  FROM running_customers
  WHERE orders >= 1
), scores AS (
  SELECT
    source,
    customer_id,
    currency,
    1 + 5 * (recency_rank - 1) DIV buyers AS recency_score,
    1 + 5 * (frequency_rank - 1) DIV buyers AS frequency_score,
    1 + 5 * (monetary_rank - 1) DIV buyers AS monetary_score
  FROM buyers
)
SELECT
  customers.*,
  CASE WHEN customers.orders >= 2 THEN 'Repeat' WHEN customers.orders = 1 THEN 'One-time' ELSE 'No orders' END AS customer_type,
  MEASURE(net_revenue) AS net_revenue,
  MEASURE(average_order_value) AS average_order_value,
  MEASURE(return_rate) AS return_rate,
  DATEDIFF(today.day, customers.last_order_date) AS recency_days,
  ROUND(
    DATEDIFF(customers.last_order_date, customers.first_order_date) / NULLIF(customers.orders - 1, 0), 1
  ) AS days_between_orders,
  scores.recency_score,
  scores.frequency_score,
  scores.monetary_score,
  CASE
    WHEN customers.orders = 0 THEN 'No orders'
    WHEN scores.recency_score = 5 AND scores.frequency_score >= 4 THEN 'Champions'
    WHEN scores.recency_score >= 3 AND scores.frequency_score >= 4 THEN 'Loyal customers'
    WHEN scores.recency_score >= 4 AND scores.frequency_score >= 2 THEN 'Potential loyalists'
    WHEN scores.recency_score = 5 THEN 'New customers'
    WHEN scores.recency_score = 4 THEN 'Promising'
    WHEN scores.recency_score = 3 AND scores.frequency_score = 3 THEN 'Need attention'
    WHEN scores.recency_score = 3 THEN 'About to sleep'
    WHEN scores.frequency_score = 5 THEN 'Cannot lose them'
    WHEN scores.frequency_score >= 3 THEN 'At risk'
    ELSE 'Hibernating'
  END AS segment
FROM running_customers AS customers
CROSS JOIN today
LEFT JOIN scores
  ON scores.source = customers.source AND scores.customer_id = customers.customer_id
  AND scores.currency = customers.currency
