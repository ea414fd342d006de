-- What lies right below some nodes (incoming: node_id); retired ones too unless $living.
SELECT n.node_id, n.parent_id, n.name FROM incoming i JOIN address_node n ON n.parent_id = i.node_id
WHERE NOT $living OR n.valid_to IS NULL ORDER BY n.node_id
