-- Anchor of a thing ($eid), as rows of twin.anchor.ANCHORS with its address.
SELECT akind, lon, lat, z, ground_z, grid_eid::VARCHAR AS grid_eid, grid_code, method, confidence, evidence::VARCHAR AS evidence, reason, node_id
FROM anchor WHERE subject_kind = 'entity' AND subject_id = $eid LIMIT 1;
