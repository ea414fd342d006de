-- Cases that are open, with their place. $closed: stages of cases that are not; $at (UTC): as they stood then by their steps, or NULL.
SELECT c.case_id::VARCHAR AS id, a.eid::VARCHAR AS eid, coalesce(c.lon, a.lon) AS lon, coalesce(c.lat, a.lat) AS lat, a.z, a.grid_code, c.alarm_id::VARCHAR AS alarm_id,
    c.key, c.title, c.code, c.unit, CASE WHEN $at::TIMESTAMP IS NULL THEN c.stage ELSE e.stage END AS stage, c.reported_at
FROM case_file c
LEFT JOIN (FROM anchor WHERE subject_kind = 'case' QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY at_time DESC) = 1) a
    ON a.subject_id = c.case_id::VARCHAR
LEFT JOIN (SELECT case_id, arg_max(to_stage, seq) AS stage FROM case_event WHERE $at::TIMESTAMP IS NOT NULL AND at_time <= $at::TIMESTAMP GROUP BY case_id) e
    USING (case_id)
WHERE NOT list_contains($closed::VARCHAR[], CASE WHEN $at::TIMESTAMP IS NULL THEN c.stage ELSE e.stage END)
ORDER BY c.reported_at, id;
