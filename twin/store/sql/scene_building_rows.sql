-- Buildings to extrude, those of the rows in wanted (column "row": of the geometry). $west $south $east $north: degrees, around all of
-- them; $first $last: rows, around all of them.
SELECT g.rowid AS "row", e.eid::VARCHAR AS eid, e.class_code, e.name, e.height_m, e.floors, a.ground_z AS base_z, g.wkb,
       e.attributes ->> 'usage' AS usage
FROM geometry g JOIN wanted w ON w."row" = g.rowid JOIN entity e ON e.eid = g.eid
LEFT JOIN anchor a ON a.subject_kind = 'entity' AND a.subject_id = g.eid::VARCHAR
WHERE g.rowid BETWEEN $first AND $last AND g.xmax >= $west AND g.xmin <= $east AND g.ymax >= $south AND g.ymin <= $north;
