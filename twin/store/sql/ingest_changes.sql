-- The ordered log of what changed, with its box. $dataset_id, $at_time: UTC.
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id)
SELECT $at_time, f.fate, 'entity', f.eid::VARCHAR, s.collection, s.xmin, s.ymin, s.xmax, s.ymax, $dataset_id
FROM staged s JOIN fate f USING (key) WHERE f.fate <> 'unchanged' ORDER BY s."row";
-- A thing that is of another collection now has ended in the one it was of.
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id)
SELECT $at_time, 'end', 'entity', f.eid::VARCHAR, h.collection, s.xmin, s.ymin, s.xmax, s.ymax, $dataset_id
FROM staged s JOIN fate f USING (key) JOIN entity_history h ON h.eid = f.eid AND h.known_to = $at_time
WHERE f.fate = 'change' AND h.collection <> s.collection ORDER BY s."row";
