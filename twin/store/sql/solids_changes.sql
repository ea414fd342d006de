-- Things that the log or a new anchor names since; kind other than entity: all may have changed. $since: place in the log, $anchored: time, $most: rows.
SELECT subject_kind, subject_id FROM change WHERE seq > $since
UNION ALL
SELECT 'entity', subject_id FROM anchor WHERE subject_kind = 'entity' AND at_time > $anchored
LIMIT $most;
