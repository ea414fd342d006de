-- The nodes $ids as they are, retired ones too.
SELECT node_id, parent_id, level, name, "full", code, lon, lat, z, eid::VARCHAR AS eid, key, building_key, status, valid_to IS NULL AS there
FROM address_node WHERE node_id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY node_id
