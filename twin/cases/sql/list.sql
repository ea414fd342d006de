-- After found.sql: cases with their place, newest first. $limit, $offset.
,
page AS (FROM found ORDER BY reported_at DESC NULLS LAST, key LIMIT $limit OFFSET $offset)
SELECT c.case_id::VARCHAR AS id, c.key, c.kind, c.code, c.edition, c.title, c.description, c.address_text, c.urgency, c.stage, c.reported_at,
    c.closed_at, c.source, c.unit, c.alarm_id::VARCHAR AS alarm_id, coalesce(c.lon, a.lon) AS lon, coalesce(c.lat, a.lat) AS lat, a.z,
    a.eid::VARCHAR AS eid, a.node_id, a.grid_code, a.method AS placed_by, a.reason AS not_placed, c.attributes::VARCHAR AS attributes,
    (SELECT count(*) FROM found) AS matched
FROM page JOIN case_file c USING (case_id) LEFT JOIN anchor a ON a.subject_kind = 'case' AND a.subject_id = c.case_id::VARCHAR
ORDER BY c.reported_at DESC NULLS LAST, c.key;
