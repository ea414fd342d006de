-- Records recognised under a new key (view rekeyed): they change what they were. $source_key, $dataset_id, $at_time: UTC.
UPDATE fate SET fate = 'change', eid = k.eid::UUID FROM (SELECT key, eid FROM rekeyed) AS k WHERE fate.key = k.key;
DELETE FROM source_record WHERE source_key = $source_key AND subject_kind = 'entity' AND key IN (SELECT old_key FROM rekeyed);
INSERT INTO fusion SELECT $at_time, $dataset_id, key, eid::UUID, score, 'same_shape', 'rekeyed', evidence FROM rekeyed;
