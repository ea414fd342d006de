-- Buildings with their code and name.
SELECT e.eid::VARCHAR AS eid, min(a.value) AS building_key, e.name
FROM entity e LEFT JOIN alias a ON a.eid = e.eid AND a.scheme = 'building.code' AND a.valid_to IS NULL
WHERE e.collection = 'buildings' AND (a.value IS NOT NULL OR e.name IS NOT NULL)
GROUP BY e.eid, e.name ORDER BY e.eid;
