-- Storeys or units ($collection) of models with the building above them.
SELECT e.eid::VARCHAR AS eid, b.eid::VARCHAR AS building_eid, min(a.value) AS building_key,
       coalesce(e.attributes ->> 'storey', e.name) AS name, try_cast(e.attributes ->> 'storey_number' AS BIGINT) AS storey_number
FROM entity e JOIN relation r ON r.src = e.eid AND r.kind IN ('part_of', 'located_in')
JOIN entity b ON b.eid = r.dst AND b.collection = 'buildings'
LEFT JOIN alias a ON a.eid = b.eid AND a.scheme = 'building.code' AND a.valid_to IS NULL
WHERE e.collection = $collection GROUP BY ALL ORDER BY eid;
