-- Steps of cases after $since, up to $to (UTC), in the order they were taken, each with the place of its case.
SELECT e.at_time AS at, c.case_id::VARCHAR AS id, e.event, e.to_stage AS stage, a.eid::VARCHAR AS eid, coalesce(c.lon, a.lon) AS lon,
    coalesce(c.lat, a.lat) AS lat, a.z, a.grid_code, c.alarm_id::VARCHAR AS alarm_id
FROM case_event e JOIN case_file c USING (case_id)
LEFT JOIN (FROM anchor WHERE subject_kind = 'case' QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY at_time DESC) = 1) a
    ON a.subject_id = c.case_id::VARCHAR
WHERE e.at_time > $since AND e.at_time <= $to
ORDER BY e.at_time, e.seq;
