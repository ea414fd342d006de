-- Parents of created, merged and changed things, within the source. $source_key, $dataset_id, $at_time: UTC.
DELETE FROM relation WHERE kind IN ('part_of', 'located_in') AND src IN (SELECT eid FROM fate WHERE fate = 'change')
    AND dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $source_key);
INSERT INTO relation
SELECT f.eid, p.subject_id::UUID, coalesce(s.relation, 'part_of'), NULL, $at_time, NULL, $dataset_id
FROM staged s JOIN fate f USING (key)
JOIN source_record p ON p.source_key = $source_key AND p.subject_kind = 'entity' AND p.key = s.parent_key
WHERE f.fate <> 'unchanged' AND p.subject_id <> f.eid::VARCHAR;
-- Relations beside the tree; those this source said before and says no longer are gone.
DELETE FROM relation WHERE kind IN ('member_of', 'serves', 'flows_to') AND src IN (SELECT eid FROM fate WHERE fate <> 'merge')
    AND dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $source_key);
INSERT INTO relation
SELECT DISTINCT f.eid, t.eid, l.kind, NULL::JSON, $at_time::TIMESTAMP, NULL::TIMESTAMP, $dataset_id::UUID
FROM staged_link l JOIN fate f ON f.key = l.key JOIN fate t ON t.key = l.target_key
WHERE f.eid IS NOT NULL AND t.eid IS NOT NULL AND f.eid <> t.eid;
