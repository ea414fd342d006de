-- Alarms that are not closed, in the order they were raised.
SELECT alarm_id::VARCHAR, rule_id, stream_id, level, state, value, threshold, raised_at, acknowledged_at, returned_at, message_zh, message_en,
    coalesce(kind, 'level'), coalesce(rule_version, 1), coalesce(latched, false), shelved_until
FROM alarm WHERE state <> 'closed' ORDER BY raised_at, alarm_id;
