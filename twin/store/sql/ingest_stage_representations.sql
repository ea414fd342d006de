-- Stage further representations of records of the layer (view incoming).
INSERT INTO staged_extra
SELECT key, role, lod, wkb, mesh_id, matrix, xmin, ymin, zmin, xmax, ymax, zmax, hilbert FROM incoming;
