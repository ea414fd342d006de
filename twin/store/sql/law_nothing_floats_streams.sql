-- One anchor each: a place, or the reason why there is none; what a load just brought may still wait for it, listed with its load.
SELECT s.id || ' ' || coalesce(s.what, '') AS what,
       (count(a.subject_id) = 1 AND bool_and((a.lon IS NOT NULL AND a.lat IS NOT NULL) OR length(a.reason) > 0))
       OR (count(a.subject_id) = 0 AND s.dataset_id IN (SELECT dataset_id FROM anchor_pending)) AS ok
FROM (SELECT stream_id::VARCHAR AS id, key AS what, dataset_id FROM datastream) s
LEFT JOIN anchor a ON a.subject_kind = 'datastream' AND a.subject_id = s.id GROUP BY s.id, s.what, s.dataset_id
