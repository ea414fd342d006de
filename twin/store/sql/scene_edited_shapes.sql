-- scene_building_shapes, with the outline of a footprint (degrees) for rows in $own, else null.
SELECT rowid AS r, wkb, CASE WHEN list_contains($own::BIGINT[], rowid) AND role = 'footprint' THEN
       {'eid': eid::VARCHAR, 'xmin': xmin, 'ymin': ymin, 'xmax': xmax, 'ymax': ymax} END AS outline FROM geometry
