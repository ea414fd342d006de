-- Known buildings in a box ($xmin … $ymax, degrees) with one outline each, height, name and building code.
SELECT e.eid::VARCHAR AS eid, arg_min(g.wkb, g.role <> 'footprint') AS wkb, any_value(e.height_m) AS height_m, any_value(e.name) AS name,
       any_value(a.value) AS code
FROM geometry g JOIN entity e USING (eid)
LEFT JOIN alias a ON a.eid = e.eid AND a.scheme = 'building.code' AND a.valid_to IS NULL
WHERE e.collection IN ('buildings', 'bridges') AND e.valid_to IS NULL AND g.role IN ('footprint', 'solid', 'area') AND g.wkb IS NOT NULL
  AND g.xmin <= $xmax AND g.xmax >= $xmin AND g.ymin <= $ymax AND g.ymax >= $ymin
GROUP BY e.eid ORDER BY eid;
