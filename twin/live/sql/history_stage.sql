-- Judges each row of incoming_observations: new, repeated (same stream and time, in the base or earlier in the table), or why refused.
-- incoming_observations: OBSERVATIONS with phenomenon_time as naive UTC, position (0-based row). live_readings: those of the same streams and
-- times that came live (stream_id, phenomenon_time, result). $latest: latest time accepted, UTC.
CREATE OR REPLACE TEMP TABLE staged_observation AS
WITH judged AS (
    SELECT o.position, d.stream_id, o.phenomenon_time, o.result, o.quality,
        CASE WHEN o.fault IS NOT NULL THEN o.fault
             WHEN d.stream_id IS NULL THEN 'unknown stream ' || coalesce(o.stream_key, '(none given)')
             WHEN o.phenomenon_time IS NULL THEN 'reading without a time'
             WHEN o.phenomenon_time > $latest THEN 'time lies in the future: ' || strftime(o.phenomenon_time, '%Y-%m-%dT%H:%M:%SZ')
             WHEN o.result IS NULL OR NOT isfinite(o.result) THEN 'result is not a finite number'
        END AS reason
    FROM incoming_observations o LEFT JOIN datastream d ON d.key = o.stream_key),
compared AS (
    SELECT j.*, row_number() OVER same_time AS nth, coalesce(b.result, first_value(j.result) OVER same_time) AS kept, b.stream_id AS known
    FROM judged j LEFT JOIN (
        SELECT stream_id, phenomenon_time, min(result) AS result
        FROM (SELECT stream_id, phenomenon_time, result FROM observation UNION ALL FROM live_readings) WHERE phenomenon_time
            BETWEEN (SELECT min(phenomenon_time) FROM incoming_observations) AND (SELECT max(phenomenon_time) FROM incoming_observations)
        GROUP BY stream_id, phenomenon_time) b
        ON b.stream_id = j.stream_id AND b.phenomenon_time = j.phenomenon_time
    WINDOW same_time AS (PARTITION BY j.stream_id, j.phenomenon_time, reason IS NULL ORDER BY position))
SELECT position, stream_id, phenomenon_time, result, quality,
    CASE WHEN reason IS NOT NULL THEN reason
         WHEN result <> kept THEN 'another value than the one kept for this stream and time: ' || kept::VARCHAR END AS reason,
    CASE WHEN known IS NULL AND nth = 1 THEN 'loaded' ELSE 'unchanged' END AS verdict
FROM compared;
