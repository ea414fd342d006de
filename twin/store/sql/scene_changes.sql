-- What the log has after $since, oldest first, no more than $most.
SELECT subject_kind, subject_id, collection FROM change WHERE seq > $since ORDER BY seq LIMIT $most;
