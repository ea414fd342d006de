-- Cases with their place, newest first. $stages, $west … $north (degrees), $grid (beginning of a grid code), $code (beginning of a type), $unit, $alarm,
-- $case: each NULL for "any"; $limit, $offset. among (id: UUID as text): the cases asked for, unless $all.
SELECT c.case_id::VARCHAR AS id, c.key, c.kind, c.code, c.edition, c.title, c.description, c.address_text, c.urgency, c.stage, c.reported_at,
    c.closed_at, c.source, c.unit, c.alarm_id::VARCHAR AS alarm_id, coalesce(c.lon, a.lon) AS lon, coalesce(c.lat, a.lat) AS lat, a.z,
    a.eid::VARCHAR AS eid, a.node_id, a.grid_code, a.method AS placed_by, a.reason AS not_placed, c.attributes::VARCHAR AS attributes,
    count(*) OVER () AS matched
FROM case_file c LEFT JOIN anchor a ON a.subject_kind = 'case' AND a.subject_id = c.case_id::VARCHAR
WHERE ($stages::VARCHAR[] IS NULL OR list_contains($stages::VARCHAR[], c.stage))
    AND ($west::DOUBLE IS NULL OR (coalesce(c.lon, a.lon) BETWEEN $west AND $east AND coalesce(c.lat, a.lat) BETWEEN $south AND $north))
    AND ($all OR c.case_id IN (SELECT id::UUID FROM among))
    AND ($grid::VARCHAR IS NULL OR starts_with(a.grid_code, $grid))
    AND ($code::VARCHAR IS NULL OR starts_with(c.code, $code))
    AND ($unit::VARCHAR IS NULL OR c.unit = $unit)
    AND ($alarm::VARCHAR IS NULL OR c.alarm_id = TRY_CAST($alarm AS UUID))
    AND ($case::VARCHAR IS NULL OR c.case_id = TRY_CAST($case AS UUID) OR c.key = $case)
ORDER BY c.reported_at DESC NULLS LAST, c.key LIMIT $limit OFFSET $offset;
