-- eids once each; every reference leads to one.
SELECT eid::VARCHAR AS what, count(*) = 1 AS ok FROM entity GROUP BY eid
UNION ALL SELECT 'geometry ' || gid::VARCHAR, e.eid IS NOT NULL FROM geometry g LEFT JOIN entity e USING (eid)
UNION ALL SELECT 'relation ' || src::VARCHAR, a.eid IS NOT NULL AND b.eid IS NOT NULL FROM relation r LEFT JOIN entity a ON a.eid = r.src LEFT JOIN entity b ON b.eid = r.dst
UNION ALL SELECT 'history ' || h.eid::VARCHAR, e.eid IS NOT NULL FROM entity_history h LEFT JOIN entity e USING (eid)
