-- Writes alarms, their events, their places and the running conditions of one batch. incoming_alarm, incoming_event and
-- incoming_condition are registered Arrow tables; an alarm stands where its stream stands. $now: UTC.
INSERT INTO alarm BY NAME
SELECT * EXCLUDE (is_new) REPLACE (alarm_id::UUID AS alarm_id) FROM incoming_alarm WHERE is_new;

UPDATE alarm SET state = i.state, value = i.value, acknowledged_at = i.acknowledged_at, returned_at = i.returned_at,
    message_zh = i.message_zh, message_en = i.message_en, shelved_until = i.shelved_until
FROM incoming_alarm i WHERE NOT i.is_new AND alarm.alarm_id = i.alarm_id::UUID;

INSERT INTO alarm_event (alarm_id, at_time, event, from_state, to_state, actor, note, value)
SELECT alarm_id::UUID, at_time, event, from_state, to_state, actor, note, value
FROM incoming_event ORDER BY ordinal;

INSERT INTO anchor
SELECT 'alarm', i.alarm_id, coalesce(a.akind, CASE WHEN d.lon IS NULL THEN 'none' ELSE 'point' END), a.eid, a.node_id, a.grid_eid, a.grid_code,
    coalesce(a.lon, d.lon), coalesce(a.lat, d.lat), coalesce(a.z, CASE WHEN d.z_reference = 'ellipsoid' THEN d.z END), a.ground_z,
    coalesce(a.method, CASE WHEN d.lon IS NULL THEN 'none' ELSE 'geometry' END), coalesce(a.confidence, 1.0),
    json_object('stream_id', i.stream_id),
    CASE WHEN d.lon IS NULL AND a.lon IS NULL THEN coalesce(a.reason, 'its stream has no place') ELSE a.reason END, $now
FROM incoming_alarm i JOIN datastream d USING (stream_id)
LEFT JOIN (FROM anchor WHERE subject_kind = 'datastream' QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY at_time DESC) = 1) a
    ON a.subject_id = i.stream_id::VARCHAR
WHERE i.is_new;

DELETE FROM alarm_condition WHERE rule_id IN (SELECT rule_id FROM incoming_condition);

INSERT INTO alarm_condition SELECT rule_id, active, since FROM incoming_condition WHERE active OR since IS NOT NULL;
