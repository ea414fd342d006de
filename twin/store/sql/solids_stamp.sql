-- What bodies hang on: place in the log of changes, number of anchors of things and time of the newest.
SELECT (SELECT coalesce(max(seq), 0) FROM change) AS seq, count(*) AS anchors, coalesce(max(at_time), TIMESTAMP '1970-01-01') AS anchored
FROM anchor WHERE subject_kind = 'entity';
