-- A retired node has an event that says so, and what replaced it is there; children of nodes that are there are not orphaned by retirement.
SELECT n.node_id AS what, EXISTS (SELECT 1 FROM address_event e WHERE e.node_id = n.node_id) AND NOT EXISTS (
    SELECT 1 FROM (SELECT unnest(n.replaced_by) AS r) x WHERE x.r NOT IN (SELECT node_id FROM address_node)) AS ok
FROM address_node n WHERE n.valid_to IS NOT NULL
UNION ALL
SELECT c.node_id, false FROM address_node c JOIN address_node p ON p.node_id = c.parent_id WHERE c.valid_to IS NULL AND p.valid_to IS NOT NULL
