-- Replace the anchors of one kind of subject (view anchors). $kind: entity, datastream or case; $at_time: UTC.
-- A case opened from an alarm keeps the anchor of its stream.
DELETE FROM anchor WHERE subject_kind = $kind AND subject_id NOT IN (SELECT case_id::VARCHAR FROM case_file WHERE alarm_id IS NOT NULL);
INSERT INTO anchor
SELECT $kind, subject_id, akind, eid::UUID, node_id, grid_eid::UUID, grid_code, lon, lat, z, ground_z, method, confidence, evidence, reason, $at_time
FROM anchors;
