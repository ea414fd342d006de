-- Datastreams whose key is or begins with $q, or whose thing's name holds it.
SELECT d.stream_id AS id, d.key, t.name, d.subject, d.property, a.eid::VARCHAR AS eid,
       coalesce(a.lon, d.lon) AS lon, coalesce(a.lat, d.lat) AS lat, coalesce(a.z, d.z) AS z,
       CASE WHEN lower(d.key) = lower($q) THEN 'exact' WHEN starts_with(lower(d.key), lower($q)) THEN 'prefix' ELSE 'part' END AS how
FROM datastream d JOIN thing t USING (thing_id)
LEFT JOIN anchor a ON a.subject_kind = 'datastream' AND a.subject_id = d.stream_id::VARCHAR
WHERE starts_with(lower(d.key), lower($q)) OR lower(t.key) = lower($q) OR contains(lower(t.name), lower($q))
ORDER BY CASE how WHEN 'exact' THEN 0 WHEN 'prefix' THEN 1 ELSE 2 END, length(d.key), d.key LIMIT $limit
