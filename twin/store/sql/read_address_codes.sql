-- Nodes a code $code was ever given to.
SELECT c.node_id, c.scheme, c.edition, c.valid_from, c.valid_to, n.level, n.name, n."full", n.status, n.replaced_by
FROM address_code c JOIN address_node n USING (node_id) WHERE c.code = $code ORDER BY c.valid_to NULLS FIRST, c.valid_from DESC
