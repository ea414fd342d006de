-- Records that a full delivery lacks are marked, so that they come back as a change (view missing: old_key). $source_key.
UPDATE source_record SET outcome = 'gone'
WHERE source_key = $source_key AND subject_kind = 'entity' AND key IN (SELECT old_key FROM missing);
