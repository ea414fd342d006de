-- Bodies of things as they are now: the meshes of the best level of detail, else the best shape. Degrees, metres. {only} narrows to some eids.
-- hollow: its body is drawn by parts of its own (meshes below it). Metres; ground_z, z of the anchor.
WITH RECURSIVE meshed AS (
    SELECT DISTINCT g.eid FROM geometry g JOIN entity e USING (eid) WHERE g.mesh_id IS NOT NULL AND e.collection <> 'rooms'
    UNION
    SELECT r.dst FROM relation r JOIN meshed m ON m.eid = r.src WHERE r.kind IN ('part_of', 'located_in') AND r.valid_to IS NULL),
body AS (
    SELECT e.eid, e.class_code, e.collection, e.name, e.height_m, e.floors, g.gid, g.role, g.wkb, g.asset, g.mesh_id, g.matrix, g.zmin, g.zmax,
           TRY_CAST(e.attributes ->> 'diameter_mm' AS DOUBLE) AS diameter_mm,
           rank() OVER (PARTITION BY e.eid ORDER BY g.mesh_id IS NULL, CASE WHEN g.mesh_id IS NOT NULL THEN g.lod END DESC NULLS LAST,
               CASE WHEN g.mesh_id IS NULL THEN g.zmin IS NULL AND g.role = 'centreline' END,
               CASE WHEN g.mesh_id IS NULL THEN list_position(['footprint', 'centreline', 'area', 'solid', 'point'], g.role) END NULLS LAST,
               CASE WHEN g.mesh_id IS NULL THEN g.gid END) AS place
    FROM entity e JOIN geometry g USING (eid)
    WHERE e.valid_to IS NULL AND e.lifecycle IS DISTINCT FROM 'demolished' AND g.xmin IS NOT NULL AND (g.wkb IS NOT NULL OR g.mesh_id IS NOT NULL)
      AND e.collection NOT IN ('subdistricts', 'communities', 'grids', 'point_clouds', 'tilesets') AND {only})
SELECT b.eid::VARCHAR AS eid, b.class_code, b.collection, b.name, b.height_m, b.floors, b.role, b.asset, b.mesh_id, b.matrix,
       CASE WHEN b.mesh_id IS NULL THEN b.wkb END AS wkb, b.zmin, b.zmax, b.diameter_mm, a.ground_z, a.z,
       b.mesh_id IS NULL AND m.eid IS NOT NULL AS hollow
FROM body b LEFT JOIN meshed m ON m.eid = b.eid LEFT JOIN anchor a ON a.subject_kind = 'entity' AND a.subject_id = b.eid::VARCHAR
WHERE b.place = 1
ORDER BY b.eid, b.gid;
