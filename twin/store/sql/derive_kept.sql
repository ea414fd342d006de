-- Bindings of buildings by their own address attribute that still hold.
SELECT n.node_id, n.eid::VARCHAR AS eid, coalesce(b.score, 0.9) AS score, coalesce(b.evidence, substr(n.source, 10)) AS evidence
FROM address_node n LEFT JOIN address_binding b ON b.eid = n.eid AND b.node_id = n.node_id AND b.kind = 'buildings'
WHERE n.valid_to IS NULL AND n.eid IS NOT NULL AND (b.evidence LIKE 'address attribute %'
    OR n.source LIKE 'derived: address attribute %' AND n.eid IN (SELECT eid FROM entity WHERE collection = 'buildings'))
