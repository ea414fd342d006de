-- Unit grids whose box a place ($lon, $lat in degrees) lies in, with their 15-digit codes.
SELECT e.eid::VARCHAR AS eid, coalesce(any_value(a.value), any_value(e.attributes ->> 'code')) AS code, any_value(g.wkb) AS wkb
FROM geometry g JOIN entity e USING (eid) LEFT JOIN alias a ON a.eid = e.eid AND a.scheme = 'grid.code'
WHERE e.collection = 'grids' AND g.wkb IS NOT NULL AND g.xmin <= $lon AND g.xmax >= $lon AND g.ymin <= $lat AND g.ymax >= $lat
GROUP BY e.eid ORDER BY e.eid;
