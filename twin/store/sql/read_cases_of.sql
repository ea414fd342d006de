-- Cases tied to one thing $eid, newest first.
SELECT c.case_id::VARCHAR AS id, c.key, c.kind, c.code, c.title, c.stage, c.reported_at, c.closed_at
FROM case_file c WHERE c.case_id::VARCHAR IN (SELECT subject_id FROM anchor WHERE subject_kind = 'case' AND eid = $eid::UUID)
ORDER BY c.reported_at DESC NULLS LAST, c.key LIMIT $limit
