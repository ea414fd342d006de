-- Every entity with its best shape for a place, the middle of its box, its foot, and what it belongs to.
WITH best AS (
    SELECT eid, arg_min(wkb, rank) AS wkb, arg_min(cx, rank) AS cx, arg_min(cy, rank) AS cy, min(zmin) AS zmin
    FROM (SELECT eid, wkb, (xmin + xmax) / 2 AS cx, (ymin + ymax) / 2 AS cy, zmin,
                 CASE WHEN role IN ('footprint', 'area') AND wkb IS NOT NULL THEN 0 WHEN wkb IS NOT NULL THEN 1 ELSE 2 END
                 + CASE lod WHEN 'lifted' THEN 0.5 ELSE 0 END AS rank FROM geometry WHERE xmin IS NOT NULL)
    GROUP BY eid),
up AS (SELECT src AS eid, min(dst) AS parent FROM relation WHERE kind IN ('part_of', 'located_in') AND valid_to IS NULL GROUP BY src),
parts AS (   -- a thing without a shape stands where its parts stand
    SELECT r.dst AS eid, avg(b.cx) AS cx, avg(b.cy) AS cy, min(b.zmin) AS zmin
    FROM relation r JOIN best b ON b.eid = r.src WHERE r.kind IN ('part_of', 'located_in') GROUP BY r.dst)
SELECT e.eid::VARCHAR AS eid, b.wkb, coalesce(b.cx, p.cx) AS cx, coalesce(b.cy, p.cy) AS cy, coalesce(b.zmin, p.zmin) AS zmin,
       up.parent::VARCHAR AS parent
FROM entity e LEFT JOIN best b USING (eid) LEFT JOIN parts p USING (eid) LEFT JOIN up USING (eid)
ORDER BY e.eid;
