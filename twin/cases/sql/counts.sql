-- After found.sql: how many cases of each area (first $digits of the grid code, NULL outside all), kind, type and stage.
SELECT substr(a.grid_code, 1, $digits) AS area, c.kind, c.code, c.stage, count(*) AS n
FROM found JOIN case_file c USING (case_id) LEFT JOIN anchor a ON a.subject_kind = 'case' AND a.subject_id = c.case_id::VARCHAR
GROUP BY ALL ORDER BY ALL;
