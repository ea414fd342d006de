-- Cases whose id or number is $q, or whose number begins with it.
SELECT c.case_id::VARCHAR AS id, c.key, c.title, c.code, c.stage, a.eid::VARCHAR AS eid,
       coalesce(a.lon, c.lon) AS lon, coalesce(a.lat, c.lat) AS lat, a.z, lower(c.key) = lower($q) OR c.case_id = TRY_CAST($q AS UUID) AS exact
FROM case_file c LEFT JOIN anchor a ON a.subject_kind = 'case' AND a.subject_id = c.case_id::VARCHAR
WHERE c.case_id = TRY_CAST($q AS UUID) OR starts_with(lower(c.key), lower($q))
ORDER BY exact DESC, c.key LIMIT $limit
