-- What each record became. $source_key, $dataset_id.
DELETE FROM source_record WHERE source_key = $source_key AND subject_kind = 'entity'
    AND key IN (SELECT key FROM fate WHERE fate <> 'unchanged');
INSERT INTO source_record
SELECT $source_key, f.key, 'entity', f.eid, NULL, f.record_hash, f.fate, $dataset_id FROM fate f WHERE f.fate <> 'unchanged';
