SELECT source, product_code, description, COUNT(*) AS line_count
FROM order_lines
WHERE kind = 'sale' AND description IS NOT NULL
GROUP BY source, product_code, description
