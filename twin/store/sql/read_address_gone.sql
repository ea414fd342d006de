-- Retired nodes and what came after them.
SELECT node_id, level, name, core, parent_id, "full", valid_to, coalesce(replaced_by, []) AS replaced_by
FROM address_node WHERE valid_to IS NOT NULL ORDER BY node_id
