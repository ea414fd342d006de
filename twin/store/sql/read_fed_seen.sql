-- Loads that the state now of some things is of, how many of each collection. seen: eid.
SELECT e.dataset_id::VARCHAR AS dataset_id, e.collection, count(*) AS things
FROM entity e JOIN seen s ON e.eid = s.eid::UUID
WHERE e.valid_to IS NULL AND e.dataset_id IS NOT NULL AND e.collection IS NOT NULL GROUP BY ALL ORDER BY ALL
