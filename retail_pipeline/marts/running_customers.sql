-- Days as text, because MySQL makes 0000-00-00 of the MIN of dates that are all NULL when it groups in a temporary table.
WITH customers AS (
  SELECT
    source,
    customer_id,
    currency,
    MIN(CASE WHEN order_key IS NOT NULL THEN CAST(invoice_date AS CHAR) END) AS first_order_date,
    MAX(CASE WHEN order_key IS NOT NULL THEN CAST(invoice_date AS CHAR) END) AS last_order_date,
    MEASURE(gross_sales) AS gross_sales,
    MEASURE(returns_value) AS returns_value,
    MEASURE(units_sold) AS units_sold,
    MEASURE(units_returned) AS units_returned,
    MEASURE(orders) AS orders
  FROM mart_invoice_days
  WHERE customer_id IS NOT NULL
  GROUP BY source, customer_id, currency
), homes AS (
  SELECT
    source,
    customer_id,
    country,
    country_code,
    region,
    ROW_NUMBER() OVER (
      PARTITION BY source, customer_id ORDER BY first_invoiced_at DESC, invoice_no DESC, country
    ) AS place
  FROM mart_invoice_days
  WHERE customer_id IS NOT NULL
)
SELECT
  customers.*,
  homes.country,
  homes.country_code,
  homes.region
FROM customers
JOIN homes
  ON homes.source = customers.source AND homes.customer_id = customers.customer_id AND homes.place = 1
