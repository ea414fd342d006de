-- Result of each stream and time of incoming_late (ordinal, stream_id, phenomenon_time) among the loaded readings. $low, $high: UTC.
SELECT l.ordinal, min(o.result) AS result
FROM incoming_late l JOIN observation o ON o.stream_id = l.stream_id AND o.phenomenon_time = l.phenomenon_time
WHERE o.phenomenon_time BETWEEN $low AND $high GROUP BY l.ordinal;
