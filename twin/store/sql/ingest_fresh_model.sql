-- Things of a model that is new to the base and match nothing in it (rows incoming, with their eids, in the order of the source).
-- $source_key; $scheme: alias scheme of its keys; $dataset_id; $at_time: UTC.
INSERT INTO entity
SELECT eid, class_code, edition, collection, name, try_cast(attributes ->> 'height_m' AS DOUBLE),
       try_cast(try_cast(attributes ->> 'floors' AS DOUBLE) AS INTEGER), coalesce(attributes, '{}'::JSON), 'in_use',
       NULL, NULL, $at_time, NULL, $dataset_id FROM incoming ORDER BY hilbert NULLS LAST, "row";
INSERT INTO alias SELECT $scheme, key, eid, $at_time, NULL, $dataset_id FROM incoming;
INSERT INTO source_record SELECT $source_key, key, 'entity', eid, NULL, record_hash, 'create', $dataset_id FROM incoming;
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id)
SELECT $at_time, 'create', 'entity', eid::VARCHAR, collection, xmin, ymin, xmax, ymax, $dataset_id FROM incoming;
