-- The ordered log of what changed, with its box. $dataset_id, $at_time: UTC.
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id)
SELECT $at_time, f.fate, 'entity', f.eid::VARCHAR, s.collection, s.xmin, s.ymin, s.xmax, s.ymax, $dataset_id
FROM staged s JOIN fate f USING (key) WHERE f.fate <> 'unchanged' ORDER BY s."row";
