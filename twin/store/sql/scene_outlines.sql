-- Buildings to extrude by their outline: rows of the geometry that is drawn and of the entity, height of the ground (m), box in degrees.
WITH RECURSIVE meshed AS (
    SELECT DISTINCT g.eid FROM geometry g JOIN entity e USING (eid) WHERE g.mesh_id IS NOT NULL AND e.collection <> 'rooms'
    UNION
    SELECT r.dst FROM relation r JOIN meshed m ON m.eid = r.src WHERE r.kind IN ('part_of', 'located_in')),
best AS (
    SELECT min(CASE WHEN role = 'footprint' THEN rowid ELSE rowid + (1::BIGINT << 48) END) AS pick FROM geometry
    WHERE role IN ('footprint', 'area', 'solid') AND wkb IS NOT NULL GROUP BY eid)
SELECT g.rowid AS "row", e.rowid AS thing, a.ground_z AS base_z, g.xmin, g.ymin, g.xmax, g.ymax
FROM geometry g JOIN best b ON g.rowid = b.pick & ((1::BIGINT << 48) - 1) JOIN entity e ON e.eid = g.eid
LEFT JOIN anchor a ON a.subject_kind = 'entity' AND a.subject_id = g.eid::VARCHAR
WHERE e.collection IN ('buildings', 'building_parts') AND e.valid_to IS NULL AND e.lifecycle <> 'demolished'
  AND NOT EXISTS (SELECT 1 FROM meshed m WHERE m.eid = e.eid);
