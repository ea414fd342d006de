-- Readings of $stream in [$start, $end) UTC, the newest $limit of them, oldest first.
FROM (SELECT phenomenon_time AS time, result, quality FROM observation
      WHERE stream_id = $stream AND phenomenon_time >= $start AND phenomenon_time < $end
      ORDER BY phenomenon_time DESC LIMIT $limit)
ORDER BY time;
