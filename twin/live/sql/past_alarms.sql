-- Alarms that were not closed at a moment, with the state they were in. $at: UTC.
SELECT a.alarm_id::VARCHAR AS id, a.stream_id, a.level, e.state
FROM (SELECT alarm_id, arg_max(to_state, seq) AS state FROM alarm_event WHERE at_time <= $at GROUP BY alarm_id) e JOIN alarm a USING (alarm_id)
WHERE e.state <> 'closed'
ORDER BY id;
