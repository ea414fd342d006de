-- Alarms that are not closed, in the order they were raised.
SELECT alarm_id::VARCHAR, rule_id, stream_id, level, state, value, threshold, raised_at, acknowledged_at, returned_at, message_zh, message_en
FROM alarm WHERE state <> 'closed' ORDER BY raised_at, alarm_id;
