-- How many lines of each load repeat an earlier line of it exactly.
WITH alike AS (
  SELECT load_id, COUNT(*) AS lines
  FROM all_lines
  GROUP BY load_id, invoice_no, product_code, description, quantity, unit_price, invoiced_at, customer_id, country,
    invoice_line
)
SELECT load_id, SUM(lines - 1) AS repeated
FROM alike
GROUP BY load_id
