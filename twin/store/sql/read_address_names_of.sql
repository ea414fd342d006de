-- Other names of the nodes $ids that are there, as the history wants them.
SELECT a.node_id, a.name, a.core, a.kind, n.level, n.parent_id, n."full"
FROM address_name a JOIN address_node n USING (node_id)
WHERE n.valid_to IS NULL AND a.node_id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY a.node_id, a.name
