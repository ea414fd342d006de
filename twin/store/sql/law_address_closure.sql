-- Parents of address nodes are address nodes; an id stands once.
SELECT n.node_id AS what, (n.parent_id IS NULL OR p.node_id IS NOT NULL) AND n.k = 1 AS ok
FROM (SELECT *, count(*) OVER (PARTITION BY node_id) AS k FROM address_node) n LEFT JOIN (SELECT DISTINCT node_id FROM address_node) p ON p.node_id = n.parent_id
