-- What became of one thing $eid, and what it came from.
SELECT from_eid::VARCHAR AS from_eid, to_eid::VARCHAR AS to_eid, kind, share, at_time AS "at" FROM lineage
WHERE from_eid = $eid::UUID OR to_eid = $eid::UUID ORDER BY at_time
