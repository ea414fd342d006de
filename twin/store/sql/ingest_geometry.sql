-- Representations of created, merged and changed things. $dataset_id; $asset: file of the layer's meshes or NULL.
INSERT INTO geometry
WITH shapes AS (
    SELECT key, role, lod, wkb, mesh_id, matrix, zmin, zmax, xmin, ymin, xmax, ymax, hilbert FROM staged
    WHERE wkb IS NOT NULL OR mesh_id IS NOT NULL
    UNION ALL
    SELECT key, role, lod, wkb, mesh_id, matrix, zmin, zmax, xmin, ymin, xmax, ymax, hilbert FROM staged_extra)
SELECT uuid(), f.eid, g.role, g.lod, NULL, g.wkb, CASE WHEN g.mesh_id IS NOT NULL THEN $asset END, g.mesh_id, g.matrix,
       g.zmin, g.zmax, g.xmin, g.ymin, g.xmax, g.ymax, g.hilbert, $dataset_id
FROM shapes g JOIN fate f USING (key) WHERE f.fate IN ('create', 'merge', 'change') ORDER BY g.hilbert NULLS LAST;
