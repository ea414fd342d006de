-- 单元网格 whose box holds a point ($lon, $lat in degrees): shape, eid, 15-digit code.
SELECT g.wkb, g.eid::VARCHAR AS eid, l.value AS code
FROM geometry g JOIN entity e USING (eid) LEFT JOIN alias l ON l.eid = g.eid AND l.scheme = 'grid.code' AND l.valid_to IS NULL
WHERE e.collection = 'grids' AND g.wkb IS NOT NULL AND $lon BETWEEN g.xmin AND g.xmax AND $lat BETWEEN g.ymin AND g.ymax;
