-- The lines that count: all but the superseded ones.
SELECT l.*
FROM all_lines AS l
WHERE NOT EXISTS (SELECT 1 FROM superseded_lines AS gone WHERE gone.load_id = l.load_id AND gone.line_no = l.line_no)
