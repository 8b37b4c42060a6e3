WITH sums AS (
  SELECT
    dimension,
    currency,
    COUNT(*) AS members,
    SUM(net_revenue) AS net_revenue,
    SUM(CASE WHEN is_top_10 = 1 THEN net_revenue ELSE 0 END) AS top_10_net_revenue,
    SUM(CASE WHEN is_top_fifth = 1 THEN net_revenue ELSE 0 END) AS top_fifth_net_revenue,
    SUM(revenue_rank * net_revenue) AS weighted_net_revenue
  FROM mart_revenue_ranks
  GROUP BY dimension, currency
)
SELECT
  dimension,
  currency,
  members,
  net_revenue,
  top_10_net_revenue,
  top_fifth_net_revenue,
  ROUND(top_10_net_revenue / NULLIF(net_revenue, 0), 6) AS top_10_share,
  ROUND(top_fifth_net_revenue / NULLIF(net_revenue, 0), 6) AS top_fifth_share,
  ROUND(((members + 1) * net_revenue - 2 * weighted_net_revenue) / NULLIF(members * net_revenue, 0), 6) AS gini
FROM sums
