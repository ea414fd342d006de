-- One anchor each: a place, or the reason why there is none.
SELECT s.id || ' ' || coalesce(s.what, '') AS what,
       count(a.subject_id) = 1 AND bool_and((a.lon IS NOT NULL AND a.lat IS NOT NULL) OR length(a.reason) > 0) AS ok
FROM (SELECT eid::VARCHAR AS id, coalesce(name, class_code) AS what FROM entity) s
LEFT JOIN anchor a ON a.subject_kind = 'entity' AND a.subject_id = s.id GROUP BY s.id, s.what
