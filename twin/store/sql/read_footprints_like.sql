-- Building footprints in a box ($west … $north, degrees) whose own box has a side of at least $least and none above $most
-- (degrees of latitude; longitude is shortened by the cosine), with the height of their ground (metres above the ellipsoid).
SELECT g.eid::VARCHAR AS eid, any_value(e.name) AS name, arg_min(g.wkb, g.role <> 'footprint') AS wkb, min(g.xmin) AS xmin,
       min(g.ymin) AS ymin, any_value(a.ground_z) AS ground_z
FROM geometry g JOIN entity e USING (eid)
LEFT JOIN anchor a ON a.subject_kind = 'entity' AND a.subject_id = g.eid::VARCHAR
WHERE e.collection = 'buildings' AND g.role IN ('footprint', 'solid', 'area') AND g.wkb IS NOT NULL
  AND g.xmin <= $east AND g.xmax >= $west AND g.ymin <= $north AND g.ymax >= $south
  AND greatest((g.xmax - g.xmin) * cos(radians(g.ymin)), g.ymax - g.ymin) BETWEEN $least AND $most
  AND least((g.xmax - g.xmin) * cos(radians(g.ymin)), g.ymax - g.ymin) <= $most
GROUP BY g.eid ORDER BY eid LIMIT 200000;
