-- Where the address nodes $nodes are (degrees) and the things they name.
SELECT node_id, eid::VARCHAR AS eid, lon, lat FROM address_node WHERE node_id IN (SELECT unnest($nodes::VARCHAR[]))
