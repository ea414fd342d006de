-- Things of a source that is new to the base and match nothing in it (incoming, with their eids).
-- The log of changes gets a row for each collection of this part: its box and load say what came.
-- $source_key; $scheme: alias scheme of its keys; $dataset_id; $at_time: UTC.
INSERT INTO entity
SELECT eid, class_code, edition, collection, name, try_cast(attributes ->> 'height_m' AS DOUBLE),
       try_cast(try_cast(attributes ->> 'floors' AS DOUBLE) AS INTEGER), coalesce(attributes, '{}'::JSON), 'in_use',
       NULL, NULL, $at_time, NULL, $dataset_id FROM incoming;
INSERT INTO geometry
SELECT uuid(), eid, role, lod, NULL, wkb, NULL, NULL, NULL, zmin, zmax, xmin, ymin, xmax, ymax, hilbert, $dataset_id
FROM incoming WHERE wkb IS NOT NULL ORDER BY hilbert NULLS LAST;
INSERT INTO alias SELECT $scheme, key, eid, $at_time, NULL, $dataset_id FROM incoming;
INSERT INTO source_record SELECT $source_key, key, 'entity', eid, NULL, record_hash, 'create', $dataset_id FROM incoming;
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id)
SELECT $at_time, 'create', 'dataset', $dataset_id, collection, min(xmin), min(ymin), max(xmax), max(ymax), $dataset_id
FROM incoming GROUP BY collection ORDER BY collection;
