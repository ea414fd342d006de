-- The log of changes gets a row for each new thing (incoming), in the order of the source. $dataset_id; $at_time: UTC.
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id)
SELECT $at_time, 'create', 'entity', eid::VARCHAR, collection, xmin, ymin, xmax, ymax, $dataset_id FROM incoming;
