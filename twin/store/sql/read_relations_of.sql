-- Relations of one thing $eid, out of it and into it, with who stands at the other end.
SELECT r.kind, 'out' AS direction, o.eid::VARCHAR AS eid, o.name, o.class_code, o.collection
FROM relation r JOIN entity o ON o.eid = r.dst WHERE r.src = $eid::UUID AND r.valid_to IS NULL
UNION ALL
SELECT r.kind, 'in' AS direction, o.eid::VARCHAR AS eid, o.name, o.class_code, o.collection
FROM relation r JOIN entity o ON o.eid = r.src WHERE r.dst = $eid::UUID AND r.valid_to IS NULL
ORDER BY direction DESC, kind, class_code, name, eid LIMIT $limit
