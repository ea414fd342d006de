-- Height of the ground (m) at things that were placed after $since (UTC without a zone), no more than $most.
SELECT subject_id, ground_z FROM anchor WHERE at_time > $since AND subject_kind = 'entity' LIMIT $most;
