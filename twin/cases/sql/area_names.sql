-- Names of administrative areas and cells by code, of the codes in $codes.
SELECT code, min(name) AS name FROM (
    SELECT attributes ->> 'code' AS code, name FROM entity WHERE collection IN ('subdistricts', 'streets', 'communities', 'grids') AND valid_to IS NULL
    UNION ALL
    SELECT a.value, e.name FROM alias a JOIN entity e USING (eid)
    WHERE e.collection IN ('subdistricts', 'streets', 'communities', 'grids') AND a.valid_to IS NULL AND e.valid_to IS NULL)
WHERE list_contains($codes::VARCHAR[], code) AND name IS NOT NULL GROUP BY code;
