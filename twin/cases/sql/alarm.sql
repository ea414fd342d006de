-- What a case takes over from an alarm: its words, and the place of its stream. $alarm: UUID as text.
SELECT a.alarm_id::VARCHAR AS alarm_id, a.state, a.level, a.message_zh, a.message_en, a.rule_id, a.value, a.threshold, d.key AS stream_key,
    d.subject, t.name, p.akind, p.eid::VARCHAR AS eid, p.grid_eid::VARCHAR AS grid_eid, p.grid_code, p.lon, p.lat, p.z, p.ground_z,
    p.confidence, p.reason
FROM alarm a JOIN datastream d USING (stream_id) LEFT JOIN thing t USING (thing_id)
LEFT JOIN anchor p ON p.subject_kind = 'alarm' AND p.subject_id = a.alarm_id::VARCHAR
WHERE a.alarm_id = TRY_CAST($alarm AS UUID);
