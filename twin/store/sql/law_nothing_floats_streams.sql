-- One anchor each: a place, or the reason why there is none.
SELECT s.id || ' ' || coalesce(s.what, '') AS what,
       count(a.subject_id) = 1 AND bool_and((a.lon IS NOT NULL AND a.lat IS NOT NULL) OR length(a.reason) > 0) AS ok
FROM (SELECT stream_id::VARCHAR AS id, key AS what FROM datastream) s
LEFT JOIN anchor a ON a.subject_kind = 'datastream' AND a.subject_id = s.id GROUP BY s.id, s.what
