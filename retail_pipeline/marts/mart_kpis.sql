WITH loyalty AS (
  SELECT
    scope_type,
    scope,
    period,
    currency,
    MEASURE(customers) AS customers,
    MEASURE(customer_orders) AS customer_orders,
    MEASURE(one_time_customers) AS one_time_customers,
    MEASURE(repeat_customers) AS repeat_customers,
    MEASURE(one_time_net_revenue) AS one_time_net_revenue,
    MEASURE(repeat_net_revenue) AS repeat_net_revenue,
    MEASURE(no_order_net_revenue) AS no_order_net_revenue
  FROM running_buyers
  GROUP BY scope_type, scope, period, currency
), totals AS (
  SELECT
    scopes.scope_type,
    scopes.scope,
    scopes.period,
    scopes.currency,
    periods.first_day,
    periods.last_day,
    periods.days_covered,
    periods.is_partial,
    scopes.gross_sales,
    scopes.returns_value,
    scopes.units_sold,
    scopes.units_returned,
    scopes.orders,
    scopes.adjustments_value,
    scopes.guest_orders,
    scopes.guest_net_revenue,
    COALESCE(loyalty.customers, 0) AS customers,
    COALESCE(loyalty.customer_orders, 0) AS customer_orders,
    COALESCE(loyalty.one_time_customers, 0) AS one_time_customers,
    COALESCE(loyalty.repeat_customers, 0) AS repeat_customers,
    COALESCE(loyalty.one_time_net_revenue, 0) AS one_time_net_revenue,
    COALESCE(loyalty.repeat_net_revenue, 0) AS repeat_net_revenue,
    COALESCE(loyalty.no_order_net_revenue, 0) AS no_order_net_revenue
  FROM running_scopes AS scopes
  JOIN mart_periods AS periods ON periods.period = scopes.period
  LEFT JOIN loyalty
    ON loyalty.scope_type = scopes.scope_type AND loyalty.scope = scopes.scope
    AND loyalty.period = scopes.period AND loyalty.currency = scopes.currency
)
SELECT
  totals.*,
  MEASURE(net_revenue) AS net_revenue,
  MEASURE(average_order_value) AS average_order_value,
  MEASURE(units_per_order) AS units_per_order,
  MEASURE(return_rate) AS return_rate,
  MEASURE(repeat_customer_share) AS repeat_customer_share,
  MEASURE(orders_per_customer) AS orders_per_customer,
  MEASURE(net_revenue_per_customer) AS net_revenue_per_customer,
  MEASURE(net_revenue_per_day) AS net_revenue_per_day
FROM totals
