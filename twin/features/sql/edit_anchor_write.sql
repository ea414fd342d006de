-- The anchor of a thing (view incoming), in place of the one it has. $at_time: UTC.
DELETE FROM anchor WHERE subject_kind = 'entity' AND subject_id = $eid;
INSERT INTO anchor
SELECT 'entity', $eid, akind, NULL, node_id, grid_eid::UUID, grid_code, lon, lat, z, ground_z, method, confidence, evidence, reason, $at_time
FROM incoming;
