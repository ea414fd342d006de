-- Cases with their place, newest first. $stages, $west … $north (degrees), $among (UUIDs), $grid, $alarm, $case: each NULL for "any"; $limit, $offset.
SELECT c.case_id::VARCHAR AS id, c.key, c.kind, c.code, c.edition, c.title, c.description, c.address_text, c.stage, c.reported_at,
    c.closed_at, c.source, c.unit, c.alarm_id::VARCHAR AS alarm_id, coalesce(c.lon, a.lon) AS lon, coalesce(c.lat, a.lat) AS lat, a.z,
    a.eid::VARCHAR AS eid, a.grid_code, a.method AS placed_by, a.reason AS not_placed, c.attributes::VARCHAR AS attributes,
    count(*) OVER () AS matched
FROM case_file c
LEFT JOIN (FROM anchor WHERE subject_kind = 'case' QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY at_time DESC) = 1) a
    ON a.subject_id = c.case_id::VARCHAR
WHERE ($stages::VARCHAR[] IS NULL OR list_contains($stages::VARCHAR[], c.stage))
    AND ($west::DOUBLE IS NULL OR (coalesce(c.lon, a.lon) BETWEEN $west AND $east AND coalesce(c.lat, a.lat) BETWEEN $south AND $north))
    AND ($among::VARCHAR[] IS NULL OR c.case_id::VARCHAR IN (SELECT unnest($among::VARCHAR[])))
    AND ($grid::VARCHAR IS NULL OR a.grid_code = $grid)
    AND ($alarm::VARCHAR IS NULL OR c.alarm_id = TRY_CAST($alarm AS UUID))
    AND ($case::VARCHAR IS NULL OR c.case_id = TRY_CAST($case AS UUID) OR c.key = $case)
ORDER BY c.reported_at DESC NULLS LAST, c.key LIMIT $limit OFFSET $offset;
