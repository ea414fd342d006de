-- Other names of nodes that are there at $valid_at (NULL: now): old ones and aliases, with the node's level and whole string.
SELECT a.node_id, a.name, a.core, a.kind, a.valid_to, n.level, n.parent_id, n.name AS now, n."full"
FROM address_name a JOIN address_node n USING (node_id) WHERE n.valid_to IS NULL ORDER BY a.node_id, a.name
