-- Write the lifted axes (view lifted) beside the flat ones, under the flat one's load.
INSERT INTO geometry
SELECT uuid(), g.eid, 'centreline', 'lifted', NULL, l.wkb, NULL, NULL, NULL, l.zmin, l.zmax, g.xmin, g.ymin, g.xmax, g.ymax, g.hilbert, g.dataset_id
FROM lifted l JOIN geometry g ON g.eid = l.eid::UUID AND g.role = 'centreline' AND g.zmin IS NULL AND g.lod IS DISTINCT FROM 'lifted';
