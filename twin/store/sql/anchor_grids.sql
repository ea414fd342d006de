-- The unit grids with their 15-digit codes.
SELECT e.eid::VARCHAR AS eid, coalesce(any_value(a.value), any_value(e.attributes ->> 'code')) AS code, any_value(g.wkb) AS wkb
FROM entity e JOIN geometry g USING (eid) LEFT JOIN alias a ON a.eid = e.eid AND a.scheme = 'grid.code'
WHERE e.collection = 'grids' AND g.wkb IS NOT NULL GROUP BY e.eid ORDER BY e.eid;
