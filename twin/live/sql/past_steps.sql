-- Steps of alarms after $since, up to $to (UTC), in the order they were taken.
SELECT e.at_time, e.alarm_id::VARCHAR AS id, a.stream_id, a.level, e.to_state AS state, e.event
FROM alarm_event e JOIN alarm a USING (alarm_id)
WHERE e.at_time > $since AND e.at_time <= $to
ORDER BY e.at_time, e.seq;
