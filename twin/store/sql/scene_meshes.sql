-- Placed meshes of the best level of detail of each thing, with the storey and the building above it.
WITH RECURSIVE up AS (
    SELECT src AS eid, dst AS above, 1 AS depth FROM relation WHERE kind IN ('part_of', 'located_in') AND valid_to IS NULL
    UNION
    SELECT up.eid, r.dst, up.depth + 1 FROM up JOIN relation r ON r.src = up.above
    WHERE r.kind IN ('part_of', 'located_in') AND r.valid_to IS NULL AND up.depth < 8),
home AS (
    SELECT up.eid, arg_min(e.name, up.depth) FILTER (WHERE e.collection = 'storeys') AS storey,
           arg_max(e.eid, up.depth) FILTER (WHERE e.collection IN ('buildings', 'bridges', 'tunnels')) AS building
    FROM up JOIN entity e ON e.eid = up.above GROUP BY up.eid),
best AS (SELECT eid, max(lod) AS lod FROM geometry WHERE mesh_id IS NOT NULL GROUP BY eid)
SELECT e.eid::VARCHAR AS eid, e.class_code, e.name, coalesce(h.storey, e.attributes ->> 'storey') AS storey,
       coalesce(h.building, CASE WHEN e.collection IN ('buildings', 'bridges', 'tunnels') THEN e.eid END)::VARCHAR AS building_eid,
       g.asset, g.mesh_id, g.matrix, (g.xmin + g.xmax) / 2 AS lon, (g.ymin + g.ymax) / 2 AS lat, g.zmin, g.zmax,
       e.attributes ->> 'ifc_class' AS ifc_class
FROM geometry g JOIN best b ON b.eid = g.eid AND b.lod IS NOT DISTINCT FROM g.lod
JOIN entity e ON e.eid = g.eid LEFT JOIN home h ON h.eid = g.eid
WHERE g.mesh_id IS NOT NULL AND e.valid_to IS NULL
ORDER BY g.hilbert, e.eid, g.mesh_id;
