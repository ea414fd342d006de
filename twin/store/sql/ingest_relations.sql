-- Parents of created, merged and changed things, within the source. $source_key, $dataset_id, $at_time: UTC.
DELETE FROM relation WHERE kind IN ('part_of', 'located_in') AND src IN (SELECT eid FROM fate WHERE fate = 'change')
    AND dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $source_key);
INSERT INTO relation
WITH child AS MATERIALIZED (
    SELECT f.eid, s.parent_key, coalesce(s.relation, 'part_of') AS kind FROM staged s JOIN fate f USING (key)
    WHERE f.fate <> 'unchanged' AND s.parent_key IS NOT NULL),
tied AS MATERIALIZED (  -- compared only when joined: "another than itself" must not become a join of all with all
    SELECT c.eid, p.eid AS parent, c.kind FROM child c
    JOIN source_record p ON p.key = c.parent_key WHERE p.source_key = $source_key AND p.subject_kind = 'entity')
SELECT eid, parent, kind, NULL, $at_time, NULL, $dataset_id FROM tied WHERE parent <> eid;
-- Relations beside the tree; those this source said before and says no longer are gone.
DELETE FROM relation WHERE kind IN ('member_of', 'serves', 'flows_to') AND src IN (SELECT eid FROM fate WHERE fate <> 'merge')
    AND dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $source_key);
INSERT INTO relation
SELECT DISTINCT f.eid, t.eid, l.kind, NULL::JSON, $at_time::TIMESTAMP, NULL::TIMESTAMP, $dataset_id::UUID
FROM staged_link l JOIN fate f ON f.key = l.key JOIN fate t ON t.key = l.target_key
WHERE f.eid IS NOT NULL AND t.eid IS NOT NULL AND f.eid <> t.eid;
