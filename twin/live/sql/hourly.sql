-- Roll-up of $stream by full hours in [$start, $end) UTC, the newest $limit of them, oldest first.
FROM (SELECT date_trunc('hour', phenomenon_time) AS time, count(*) AS n, avg(result) AS mean, min(result) AS low, max(result) AS high
      FROM observation WHERE stream_id = $stream AND phenomenon_time >= $start AND phenomenon_time < $end
      GROUP BY 1 ORDER BY 1 DESC LIMIT $limit)
ORDER BY time;
