-- Of the tree: the nodes $ids without what is below them, those of $above, and every division; what the codes of $ids hang on.
SELECT node_id, parent_id, level, name, lon, lat, z, code, coordinate_code, node_id IN (SELECT unnest($ids::VARCHAR[])) AS asked
FROM address_node
WHERE node_id IN (SELECT unnest($ids::VARCHAR[])) OR node_id IN (SELECT unnest($above::VARCHAR[])) OR level IN ('province', 'city', 'county')
ORDER BY node_id
