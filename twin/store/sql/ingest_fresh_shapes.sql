-- Representations of new things (incoming, with their eids, in Hilbert order). $asset: file of the meshes or NULL; $dataset_id.
INSERT INTO geometry
SELECT uuid(), eid, role, lod, NULL, wkb, CASE WHEN mesh_id IS NOT NULL THEN $asset END, mesh_id, matrix,
       zmin, zmax, xmin, ymin, xmax, ymax, hilbert, $dataset_id
FROM incoming;
