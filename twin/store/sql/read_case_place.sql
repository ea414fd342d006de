-- What decides who sees a case ($case: UUID as text): the thing it is tied to and its place (degrees).
SELECT a.eid::VARCHAR AS eid, coalesce(c.lon, a.lon) AS lon, coalesce(c.lat, a.lat) AS lat
FROM case_file c LEFT JOIN anchor a ON a.subject_kind = 'case' AND a.subject_id = c.case_id::VARCHAR WHERE c.case_id = TRY_CAST($case AS UUID);
