-- Things whose id or other identifier is exactly $q (any scheme).
SELECT 'eid' AS scheme, e.eid::VARCHAR AS eid FROM entity e WHERE e.eid = TRY_CAST($q AS UUID)
UNION SELECT scheme, eid::VARCHAR FROM alias WHERE value = $q LIMIT $limit
