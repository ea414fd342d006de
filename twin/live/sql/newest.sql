-- Newest reading of every stream.
SELECT stream_id, max(phenomenon_time) AS phenomenon_time, arg_max(result, phenomenon_time) AS result
FROM observation GROUP BY stream_id ORDER BY stream_id;
