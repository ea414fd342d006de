-- Stores the readings history_stage.sql found new, in the order of time. $now: time of arrival, UTC.
INSERT INTO observation
SELECT stream_id, phenomenon_time, $now, result, quality
FROM staged_observation WHERE reason IS NULL AND verdict = 'loaded'
ORDER BY phenomenon_time, stream_id;
