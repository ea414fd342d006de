-- Writes what register_stage.sql found new or changed, with one event each. $dataset: UUID of the load; $edition; $now: UTC.
INSERT INTO case_event (case_id, at_time, event, from_stage, to_stage, actor, note)
SELECT s.known_id, $now, 'load', c.stage, s.stage, s.source, 'reloaded with other content'
FROM staged_case s JOIN case_file c ON c.case_id = s.known_id
WHERE s.verdict = 'changed' AND s.reason IS NULL
ORDER BY s.position;

UPDATE case_file SET kind = s.kind, code = s.code, edition = coalesce(s.attributes ->> 'code_scheme', $edition), title = s.title, description = s.description, address_text = s.address_text,
    lon = s.lon, lat = s.lat, stage_since = CASE WHEN case_file.stage = s.stage THEN stage_since ELSE $now END, stage = s.stage, reported_at = s.reported_at, closed_at = s.closed_at, source = s.source, unit = s.unit,
    attributes = s.attributes, dataset_id = $dataset::UUID, record_hash = s.record_hash
FROM staged_case s
WHERE case_file.case_id = s.known_id AND s.verdict = 'changed' AND s.reason IS NULL;

INSERT INTO case_file
SELECT uuidv7(), key, kind, code, coalesce(attributes ->> 'code_scheme', $edition), title, description, address_text, lon, lat, stage, reported_at, closed_at, source, unit, NULL,
    attributes, $dataset::UUID, record_hash, NULL, reported_at
FROM staged_case WHERE verdict = 'loaded' AND reason IS NULL
ORDER BY position;

INSERT INTO case_event (case_id, at_time, event, from_stage, to_stage, actor, note)
SELECT c.case_id, s.reported_at, 'load', NULL, s.stage, s.source, NULL
FROM staged_case s JOIN case_file c ON c.key = s.key
WHERE s.verdict = 'loaded' AND s.reason IS NULL
ORDER BY s.position;
