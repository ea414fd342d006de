-- Alarms with their stream and place, newest first. $states: list of states, or NULL for all; $alarm_id: one alarm, or NULL; $limit.
SELECT a.alarm_id::VARCHAR AS id, a.rule_id, a.stream_id, a.level, a.state, a.value, a.threshold, a.raised_at, a.acknowledged_at,
    a.returned_at, a.message_zh, a.message_en, a.kind, a.rule_version,
    a.latched, a.shelved_until, d.key, t.name, d.subject, d.property, d.unit,
    p.lon, p.lat, p.z, p.eid::VARCHAR AS eid, p.grid_code
FROM alarm a
JOIN datastream d USING (stream_id)
LEFT JOIN thing t USING (thing_id)
LEFT JOIN anchor p ON p.subject_kind = 'alarm' AND p.subject_id = a.alarm_id::VARCHAR
WHERE ($states::VARCHAR[] IS NULL OR list_contains($states::VARCHAR[], a.state))
    AND ($alarm_id::VARCHAR IS NULL OR a.alarm_id = TRY_CAST($alarm_id AS UUID))
ORDER BY a.raised_at DESC, a.alarm_id DESC LIMIT $limit;
