-- Outlines as in scene_outlines, of the buildings in $eids and of those with a shape that meets a box. $west $south $east $north: degrees.
WITH RECURSIVE meshed AS (
    SELECT DISTINCT g.eid FROM geometry g JOIN entity e USING (eid) WHERE g.mesh_id IS NOT NULL AND e.collection <> 'rooms'
    UNION
    SELECT r.dst FROM relation r JOIN meshed m ON m.eid = r.src WHERE r.kind IN ('part_of', 'located_in')),
asked AS (
    SELECT unnest($eids::UUID[]) AS eid
    UNION
    SELECT eid FROM geometry WHERE xmax >= $west AND xmin <= $east AND ymax >= $south AND ymin <= $north),
best AS (
    SELECT min(CASE WHEN role = 'footprint' THEN rowid ELSE rowid + (1::BIGINT << 48) END) AS pick FROM geometry
    WHERE role IN ('footprint', 'area', 'solid') AND wkb IS NOT NULL AND eid IN (FROM asked) GROUP BY eid),
drawn AS (SELECT g.rowid AS "row", g.* FROM geometry g JOIN best b ON g.rowid = b.pick & ((1::BIGINT << 48) - 1))
SELECT g.eid::VARCHAR AS eid, g."row", e.rowid AS thing, a.ground_z AS base_z, g.xmin, g.ymin, g.xmax, g.ymax
FROM drawn g JOIN entity e ON e.eid = g.eid
LEFT JOIN anchor a ON a.subject_kind = 'entity' AND a.subject_id = g.eid::VARCHAR
WHERE e.collection IN ('buildings', 'building_parts') AND e.valid_to IS NULL AND e.lifecycle <> 'demolished'
  AND NOT EXISTS (SELECT 1 FROM meshed m WHERE m.eid = e.eid);
