-- Things of a source that is new to the base and match nothing in it (incoming, with their eids and typed attributes): all but shapes, relations and log.
-- $source_key; $scheme: alias scheme of its keys; $dataset_id; $at_time: UTC.
INSERT INTO entity
SELECT eid, class_code, edition, collection, name, height_m, floors, coalesce(attributes, '{}'::JSON), 'in_use',
       NULL, NULL, $at_time, NULL, $dataset_id FROM incoming;
INSERT INTO alias SELECT $scheme, key, eid, $at_time, NULL, $dataset_id FROM incoming;
INSERT INTO source_record SELECT $source_key, key, 'entity', eid, NULL, record_hash, 'create', $dataset_id FROM incoming;
