-- Representations of one thing $eid, best on the map first.
SELECT gid::VARCHAR AS gid, role, lod, cim_level, wkb, asset, mesh_id, xmin, ymin, xmax, ymax, zmin, zmax,
       d.source_key AS source
FROM geometry g LEFT JOIN dataset d USING (dataset_id) WHERE g.eid = $eid::UUID
ORDER BY g.wkb IS NULL, coalesce(list_position(['footprint', 'area', 'centreline', 'point', 'solid', 'mesh'], g.role), 9), g.lod, g.gid
