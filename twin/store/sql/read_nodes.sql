-- The address nodes $nodes and the things they name.
SELECT node_id, level, name, eid::VARCHAR AS eid FROM address_node WHERE node_id IN (SELECT unnest($nodes::VARCHAR[]))
