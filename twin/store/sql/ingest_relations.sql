-- Parents of created, merged and changed things, within the source. $source_key, $dataset_id, $at_time: UTC.
DELETE FROM relation WHERE kind IN ('part_of', 'located_in') AND src IN (SELECT eid FROM fate WHERE fate = 'change')
    AND dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $source_key);
INSERT INTO relation
SELECT f.eid, p.eid, coalesce(s.relation, 'part_of'), NULL, $at_time, NULL, $dataset_id
FROM staged s JOIN fate f USING (key)
JOIN source_record p ON p.source_key = $source_key AND p.subject_kind = 'entity' AND p.key = s.parent_key
WHERE f.fate <> 'unchanged' AND p.eid <> f.eid;
