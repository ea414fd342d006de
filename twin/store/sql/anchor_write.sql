-- Replace the anchors of one kind of subject (view anchors). $kind: entity, datastream or case; $at_time: UTC.
DELETE FROM anchor WHERE subject_kind = $kind;
INSERT INTO anchor
SELECT $kind, subject_id, akind, eid::UUID, node_id, grid_eid::UUID, grid_code, lon, lat, z, ground_z, method, confidence, evidence, reason, $at_time
FROM anchors;
