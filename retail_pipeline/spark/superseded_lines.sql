-- Who counts, as warehouse/overlap.py has it, over all lines at once: of the loads that carry an invoice, the one that
-- landed last; and of lines that repeat each other within a load, the first, where the source says so.
WITH places AS (
  SELECT
    load_id,
    line_no,
    ROW_NUMBER() OVER (
      PARTITION BY load_id, invoice_no, product_code, description, quantity, unit_price, invoiced_at, customer_id,
        country, invoice_line
      ORDER BY line_no
    ) AS place
  FROM all_lines
  WHERE repeats = 'drop'
), repeats AS (
  SELECT load_id, line_no FROM places WHERE place > 1
), carriers AS (
  SELECT DISTINCT l.source, l.invoice_no, l.load_id, loads.landing_no
  FROM all_lines AS l
  JOIN loads ON loads.load_id = l.load_id
  WHERE l.overlap = 'replace'
), settled AS (
  SELECT
    source,
    invoice_no,
    load_id,
    FIRST_VALUE(load_id) OVER (PARTITION BY source, invoice_no ORDER BY landing_no DESC) AS superseded_by,
    LEAD(load_id) OVER (PARTITION BY source, invoice_no ORDER BY landing_no) AS first_superseded_by
  FROM carriers
)
SELECT
  l.*,
  CASE WHEN repeats.load_id IS NULL THEN settled.superseded_by ELSE l.load_id END AS superseded_by,
  CASE WHEN repeats.load_id IS NULL THEN settled.first_superseded_by ELSE l.load_id END AS first_superseded_by
FROM all_lines AS l
LEFT JOIN repeats ON repeats.load_id = l.load_id AND repeats.line_no = l.line_no
LEFT JOIN settled
  ON settled.source = l.source AND settled.invoice_no = l.invoice_no AND settled.load_id = l.load_id
  AND settled.first_superseded_by IS NOT NULL
WHERE repeats.load_id IS NOT NULL OR settled.load_id IS NOT NULL
