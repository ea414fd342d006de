-- New things, in Hilbert order. $dataset_id, $at_time: UTC.
INSERT INTO entity
SELECT f.eid, s.class_code, s.edition, s.collection, s.name,
       try_cast(s.attributes ->> 'height_m' AS DOUBLE), try_cast(try_cast(s.attributes ->> 'floors' AS DOUBLE) AS INTEGER),
       coalesce(s.attributes, '{}')::JSON, 'in_use', NULL, NULL, $at_time, NULL, $dataset_id
FROM staged s JOIN fate f USING (key) WHERE f.fate = 'create' ORDER BY s.hilbert NULLS LAST, s."row";
