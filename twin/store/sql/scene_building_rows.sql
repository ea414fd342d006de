-- Buildings to extrude, those in wanted (rows as scene_outlines gives them), found in shapes (rows of geometry) and things (of entity):
-- scans of the ranges of rows they lie in, as Buildings.rows writes them.
SELECT w."row", e.eid::VARCHAR AS eid, e.class_code, e.name, e.height_m, e.floors, w.base_z, g.wkb, e.attributes ->> 'usage' AS usage,
       coalesce(e.attributes ->> '$."roof:shape"', e.attributes ->> 'roofType', e.attributes ->> 'roof_shape') AS roof_shape,
       TRY_CAST(coalesce(e.attributes ->> '$."roof:height"', e.attributes ->> 'roof_height_m') AS DOUBLE) AS roof_height_m
FROM wanted w JOIN shapes g ON g.r = w."row" JOIN things e ON e.r = w.thing;
