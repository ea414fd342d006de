-- The log of changes gets a row for each collection of this part (incoming): its box and load say what came. $dataset_id; $at_time: UTC.
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id)
SELECT $at_time, 'create', 'dataset', $dataset_id, collection, min(xmin), min(ymin), max(xmax), max(ymax), $dataset_id
FROM incoming GROUP BY collection ORDER BY collection;
