-- Outlines and codes of divisions the base has (towns, communities): level, name, code, wkb.
SELECT CASE e.collection WHEN 'communities' THEN 'community' ELSE 'street' END AS level, e.name, e.attributes ->> 'code' AS code, g.wkb
FROM entity e LEFT JOIN geometry g ON g.eid = e.eid AND g.role = 'area' AND g.wkb IS NOT NULL
WHERE e.collection IN ('communities', 'subdistricts', 'streets', 'towns') AND e.name IS NOT NULL AND e.valid_to IS NULL
QUALIFY count(*) OVER (PARTITION BY e.collection, e.name) = 1 ORDER BY level, e.name;
