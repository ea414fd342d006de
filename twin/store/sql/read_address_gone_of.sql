-- Those of the nodes $ids that are retired, as the history wants them.
SELECT node_id, level, name, core, parent_id, "full", coalesce(replaced_by, []) AS replaced_by
FROM address_node WHERE valid_to IS NOT NULL AND node_id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY node_id
