-- The nodes $ids as they are, retired ones too, with what is below them now.
WITH RECURSIVE down AS (
    SELECT unnest($ids::VARCHAR[]) AS node_id
    UNION SELECT n.node_id FROM down d JOIN address_node n ON n.parent_id = d.node_id WHERE n.valid_to IS NULL)
SELECT node_id, parent_id, level, name, "full", code, lon, lat, z, eid::VARCHAR AS eid, key, building_key, status, valid_to IS NULL AS there
FROM address_node WHERE node_id IN (SELECT node_id FROM down) ORDER BY node_id
