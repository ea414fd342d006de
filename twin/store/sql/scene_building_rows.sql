-- Buildings to extrude, those in wanted (rows as scene_outlines gives them). $west $south $east $north: degrees, around the middles of all;
-- $first $last: rows of geometry, $first_thing $last_thing: of entity, around all of them.
SELECT w."row", e.eid::VARCHAR AS eid, e.class_code, e.name, e.height_m, e.floors, w.base_z, g.wkb, e.attributes ->> 'usage' AS usage
FROM wanted w
JOIN (SELECT rowid AS r, wkb FROM geometry
      WHERE rowid BETWEEN $first AND $last AND xmax >= $west AND xmin <= $east AND ymax >= $south AND ymin <= $north) g ON g.r = w."row"
JOIN (SELECT rowid AS r, eid, class_code, name, height_m, floors, attributes FROM entity
      WHERE rowid BETWEEN $first_thing AND $last_thing) e ON e.r = w.thing;
