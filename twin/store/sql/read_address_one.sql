-- The node $id as it is, also when it is retired: what read_address_each tells of several.
SELECT node_id, parent_id, level, name, core, "full", code, lon, lat, z, eid::VARCHAR AS eid, key, building_key, status, valid_to IS NULL AS there,
       aliases IS NOT NULL AS named, coalesce(replaced_by, []) AS replaced_by
FROM address_node WHERE node_id = $id
