-- What changes with everything that is drawn: place in the log of changes, count and time of the anchors.
SELECT (SELECT coalesce(max(seq), 0) FROM change), (SELECT count(*) FROM anchor), (SELECT max(at_time) FROM anchor);
