-- The nodes $ids as they are, retired ones too.
SELECT node_id, parent_id, level, name, core, "full", code, lon, lat, z, eid::VARCHAR AS eid, key, building_key, status, valid_to IS NULL AS there,
       aliases IS NOT NULL AS named, coalesce(replaced_by, []) AS replaced_by
FROM address_node WHERE node_id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY node_id
