WITH buyers AS (
  SELECT source, product_code, currency, COUNT(*) AS customers
  FROM mart_product_customers
  WHERE orders >= 1
  GROUP BY source, product_code, currency
), names AS (
  SELECT
    source,
    product_code,
    description,
    ROW_NUMBER() OVER (PARTITION BY source, product_code ORDER BY line_count DESC, description) AS place,
    COUNT(*) OVER (PARTITION BY source, product_code) AS descriptions
  FROM running_product_names
), products AS (
  SELECT
    totals.source,
    totals.product_code,
    totals.currency,
    names.description,
    COALESCE(names.descriptions, 0) AS descriptions,
    totals.first_sold,
    totals.last_sold,
    totals.gross_sales,
    totals.returns_value,
    totals.units_sold,
    totals.units_returned,
    totals.orders,
    COALESCE(buyers.customers, 0) AS customers,
    MEASURE(net_revenue) AS net_revenue,
    MEASURE(return_rate) AS return_rate
  FROM running_products AS totals
  LEFT JOIN buyers
    ON buyers.source = totals.source AND buyers.product_code = totals.product_code AND buyers.currency = totals.currency
  LEFT JOIN names
    ON names.source = totals.source AND names.product_code = totals.product_code AND names.place = 1
), earning AS (
  SELECT
    source,
    product_code,
    currency,
    net_revenue,
    ROW_NUMBER() OVER (PARTITION BY currency ORDER BY net_revenue DESC, source, product_code) AS revenue_rank,
    SUM(net_revenue) OVER (
      PARTITION BY currency ORDER BY net_revenue DESC, source, product_code ROWS UNBOUNDED PRECEDING
    ) AS revenue_up_to_here,
    SUM(net_revenue) OVER (PARTITION BY currency) AS revenue_of_all
  FROM products
  WHERE net_revenue > 0
), classes AS (
  SELECT
    source,
    product_code,
    currency,
    revenue_rank,
    ROUND(revenue_up_to_here / NULLIF(revenue_of_all, 0), 6) AS cumulative_share,
    ROUND((revenue_up_to_here - net_revenue) / NULLIF(revenue_of_all, 0), 6) AS share_before
  FROM earning
)
SELECT
  products.*,
  classes.revenue_rank,
  classes.cumulative_share,
  CASE WHEN classes.share_before < 0.8 THEN 'A' WHEN classes.share_before < 0.95 THEN 'B' ELSE 'C' END AS abc_class
FROM products
LEFT JOIN classes
  ON classes.source = products.source AND classes.product_code = products.product_code
  AND classes.currency = products.currency
