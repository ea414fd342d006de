-- Writes a new case, its first event and its place. incoming_case: one row with the columns of case_file and its anchor. $now: UTC.
INSERT INTO case_file
SELECT case_id::UUID, key, kind, code, edition, title, description, address_text, lon, lat, stage, reported_at, NULL, source, unit,
    alarm_id::UUID, attributes, NULL, NULL, urgency, reported_at
FROM incoming_case;

INSERT INTO case_event (case_id, at_time, event, from_stage, to_stage, actor, note, details)
SELECT case_id::UUID, $now, 'open', NULL, stage, actor, note, details FROM incoming_case;

INSERT INTO anchor
SELECT 'case', case_id, akind, eid::UUID, node_id, grid_eid::UUID, grid_code, lon, lat, z, ground_z, method, confidence, evidence, reason, $now
FROM incoming_case;
