-- Alarms that are not closed, in the order they were raised; or those of $ids (UUIDs as text), where it is not NULL.
SELECT alarm_id::VARCHAR, rule_id, stream_id, level, state, value, threshold, raised_at, acknowledged_at, returned_at, message_zh, message_en,
    coalesce(kind, 'level'), coalesce(rule_version, 1), coalesce(latched, false), shelved_until
FROM alarm
WHERE CASE WHEN $ids::VARCHAR[] IS NULL THEN state <> 'closed' ELSE list_contains($ids::VARCHAR[], alarm_id::VARCHAR) END
 ORDER BY raised_at, alarm_id;
