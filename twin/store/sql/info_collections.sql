-- Things and anchored things per collection.
SELECT e.collection, count(*) AS n, count(a.lon) AS anchored
FROM entity e LEFT JOIN anchor a ON a.subject_kind = 'entity' AND a.subject_id = e.eid::VARCHAR
GROUP BY e.collection ORDER BY n DESC, e.collection;
