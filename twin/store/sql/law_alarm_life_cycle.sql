-- State of an alarm against its last event.
SELECT a.alarm_id::VARCHAR AS what, e.to_state IS NOT DISTINCT FROM a.state AS ok
FROM alarm a LEFT JOIN (SELECT alarm_id, arg_max(to_state, seq) AS to_state FROM alarm_event GROUP BY alarm_id) e USING (alarm_id)
