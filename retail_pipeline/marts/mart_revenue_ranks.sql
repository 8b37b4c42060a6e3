WITH members AS (
  SELECT 'customer' AS dimension, currency, CONCAT(source, '/', customer_id) AS member, net_revenue
  FROM mart_customers
  UNION ALL
  SELECT 'country' AS dimension, currency, scope AS member, net_revenue
  FROM mart_kpis
  WHERE scope_type = 'country' AND period = 'all time'
), ranked AS (
  SELECT
    dimension,
    currency,
    member,
    net_revenue,
    ROW_NUMBER() OVER (PARTITION BY dimension, currency ORDER BY net_revenue DESC, member) AS revenue_rank,
    COUNT(*) OVER (PARTITION BY dimension, currency) AS members,
    SUM(net_revenue) OVER (
      PARTITION BY dimension, currency ORDER BY net_revenue DESC, member ROWS UNBOUNDED PRECEDING
    ) AS revenue_up_to_here,
    SUM(net_revenue) OVER (PARTITION BY dimension, currency) AS revenue_of_all
  FROM members
  WHERE net_revenue > 0
)
SELECT
  dimension,
  currency,
  revenue_rank,
  member,
  net_revenue,
  ROUND(net_revenue / NULLIF(revenue_of_all, 0), 6) AS share,
  ROUND(revenue_up_to_here / NULLIF(revenue_of_all, 0), 6) AS cumulative_share,
  CASE WHEN revenue_rank <= 10 THEN 1 ELSE 0 END AS is_top_10,
  CASE WHEN revenue_rank <= (members + 4) DIV 5 THEN 1 ELSE 0 END AS is_top_fifth
FROM ranked
