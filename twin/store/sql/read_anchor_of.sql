-- Where a subject ($kind: entity, datastream, alarm, case; $id) is tied to space, with the address of the node if it has one.
SELECT a.akind, a.eid::VARCHAR AS eid, a.node_id, a.grid_eid::VARCHAR AS grid_eid, a.grid_code, g.name AS grid_name,
       a.lon, a.lat, a.z, a.ground_z, a.method, a.confidence, a.evidence, a.reason, n."full" AS address
FROM anchor a LEFT JOIN address_node n ON n.node_id = a.node_id LEFT JOIN entity g ON g.eid = a.grid_eid
WHERE a.subject_kind = $kind AND a.subject_id = $id ORDER BY a.at_time DESC NULLS LAST LIMIT 1
