-- The address tree.
SELECT node_id, parent_id, level, name, "full", code, lon, lat, z, eid::VARCHAR AS eid, key, building_key, status
FROM address_node WHERE valid_to IS NULL ORDER BY node_id;
