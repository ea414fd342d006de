-- The shape in one row of geometry. $at: rowid.
SELECT rowid AS "row", eid::VARCHAR AS eid, xmin, ymin, xmax, ymax FROM geometry
WHERE rowid BETWEEN $at AND $at AND role = 'footprint' AND wkb IS NOT NULL;
