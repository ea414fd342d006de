-- Alarms with their stream and place, newest first. $states: list of states, or NULL for all; $alarm_id: one alarm, or NULL; $limit;
-- $at (UTC): as they stood then by their steps, or NULL: now. Moments are told in milliseconds, and so compared.
SELECT a.alarm_id::VARCHAR AS id, a.rule_id, a.stream_id, a.level, CASE WHEN $at::TIMESTAMP IS NULL THEN a.state ELSE e.state END AS state,
    a.value, a.threshold, a.raised_at, CASE WHEN date_trunc('millisecond', a.acknowledged_at) <= coalesce($at::TIMESTAMP, 'infinity') THEN a.acknowledged_at END AS acknowledged_at,
    CASE WHEN date_trunc('millisecond', a.returned_at) <= coalesce($at::TIMESTAMP, 'infinity') THEN a.returned_at END AS returned_at, a.message_zh, a.message_en, a.kind, a.rule_version,
    a.latched, CASE WHEN $at::TIMESTAMP IS NULL OR e.state = 'shelved' THEN a.shelved_until END AS shelved_until, d.key, t.name, d.subject, d.property, d.unit,
    p.lon, p.lat, p.z, p.eid::VARCHAR AS eid, p.grid_code
FROM alarm a
JOIN datastream d USING (stream_id)
LEFT JOIN thing t USING (thing_id)
LEFT JOIN anchor p ON p.subject_kind = 'alarm' AND p.subject_id = a.alarm_id::VARCHAR
LEFT JOIN (SELECT alarm_id, arg_max(to_state, seq) AS state FROM alarm_event WHERE date_trunc('millisecond', at_time) <= $at::TIMESTAMP GROUP BY alarm_id) e
    ON e.alarm_id = a.alarm_id
WHERE ($states::VARCHAR[] IS NULL OR list_contains($states::VARCHAR[], CASE WHEN $at::TIMESTAMP IS NULL THEN a.state ELSE e.state END))
    AND ($alarm_id::VARCHAR IS NULL OR a.alarm_id = TRY_CAST($alarm_id AS UUID))
ORDER BY a.raised_at DESC, a.alarm_id DESC LIMIT $limit;
