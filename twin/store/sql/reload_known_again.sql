-- New records that are known things under another key (view again: key, old_key, eid): they change those. $source_key.
UPDATE fate SET fate = 'change', eid = a.eid::UUID FROM again a WHERE fate.key = a.key AND fate.fate = 'create';
DELETE FROM source_record WHERE source_key = $source_key AND subject_kind = 'entity' AND key IN (SELECT old_key FROM again);
