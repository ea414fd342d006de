-- Of the tree: the nodes $ids with all below them, what is above those, and every division; what their codes hang on.
WITH RECURSIVE down AS (
    SELECT node_id, parent_id FROM address_node WHERE node_id IN (SELECT unnest($ids::VARCHAR[]))
    UNION SELECT n.node_id, n.parent_id FROM down d JOIN address_node n ON n.parent_id = d.node_id),
up AS (
    SELECT node_id, parent_id FROM down
    UNION SELECT node_id, parent_id FROM address_node WHERE level IN ('province', 'city', 'county')
    UNION SELECT n.node_id, n.parent_id FROM up u JOIN address_node n ON n.node_id = u.parent_id)
SELECT node_id, parent_id, level, name, lon, lat, z, code, coordinate_code, node_id IN (SELECT node_id FROM down) AS asked
FROM address_node WHERE node_id IN (SELECT node_id FROM up) ORDER BY node_id
