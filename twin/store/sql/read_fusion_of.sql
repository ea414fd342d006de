-- How records were judged to be (or not to be) one thing $eid.
SELECT f.at_time AS "at", d.source_key AS source, f.source_key AS record, f.score, f.method, f.decision, f.evidence
FROM fusion f LEFT JOIN dataset d USING (dataset_id) WHERE f.eid = $eid::UUID ORDER BY f.at_time, f.source_key LIMIT $limit
