-- Shapes in a box of degrees whose place is sure, at most $most of each collection. $west $south $east $north; $sure as above.
SELECT g.wkb
FROM geometry g JOIN dataset d USING (dataset_id) JOIN entity e USING (eid)
WHERE g.wkb IS NOT NULL AND d.crs_confidence >= $sure AND e.valid_to IS NULL
  AND g.lod IS DISTINCT FROM 'lifted' AND g.xmax >= $west AND g.xmin <= $east AND g.ymax >= $south AND g.ymin <= $north
  AND e.collection NOT IN ('point_clouds', 'rooms', 'elements', 'storeys', 'units')
QUALIFY row_number() OVER (PARTITION BY e.collection ORDER BY hash(g.gid)) <= $most
ORDER BY g.hilbert, g.gid;
