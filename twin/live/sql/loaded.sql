-- Loaded readings of $streams (NULL: all) in [$low, $high) UTC.
SELECT stream_id, phenomenon_time, received_at, result, quality FROM observation
WHERE phenomenon_time >= $low AND phenomenon_time < $high AND ($streams::BIGINT[] IS NULL OR list_contains($streams::BIGINT[], stream_id))
ORDER BY stream_id, phenomenon_time;
