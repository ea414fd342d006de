-- All that is known of one address node $node_id.
SELECT n.* EXCLUDE (eid, dataset_id), n.eid::VARCHAR AS eid, p."full" AS parent_full
FROM address_node n LEFT JOIN address_node p ON p.node_id = n.parent_id WHERE n.node_id = $node_id
