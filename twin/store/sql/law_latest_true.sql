-- A stream's newest state is its newest reading (state tables are written at checkpoints: a lag is no fault, another value is).
SELECT l.stream_id::VARCHAR AS what, bool_or(o.result IS NOT DISTINCT FROM l.result) AS ok
FROM latest l LEFT JOIN observation o ON o.stream_id = l.stream_id AND o.phenomenon_time = l.phenomenon_time
WHERE l.phenomenon_time IS NOT NULL GROUP BY l.stream_id
