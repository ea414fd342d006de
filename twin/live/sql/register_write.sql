-- Writes what register_stage.sql found new or changed: things first, then datastreams. $dataset: UUID of the load.
INSERT INTO thing
SELECT uuidv7(), thing_key, thing_name, subject, NULL, $dataset::UUID, thing_hash
FROM (SELECT * FROM staged_stream WHERE reason IS NULL QUALIFY row_number() OVER (PARTITION BY thing_key ORDER BY position) = 1) s
WHERE NOT EXISTS (FROM thing t WHERE t.key = s.thing_key)
ORDER BY position;

UPDATE thing SET name = s.thing_name, subject = s.subject, record_hash = s.thing_hash, dataset_id = $dataset::UUID
FROM (SELECT * FROM staged_stream WHERE reason IS NULL AND verdict <> 'unchanged'
      QUALIFY row_number() OVER (PARTITION BY thing_key ORDER BY position) = 1) s
WHERE thing.key = s.thing_key AND thing.record_hash IS DISTINCT FROM s.thing_hash;

UPDATE datastream SET thing_id = t.thing_id, property = s.property, unit = s.unit, subject = s.subject,
    warn_low = s.warn_low, warn_high = s.warn_high, alarm_low = s.alarm_low, alarm_high = s.alarm_high, interval_s = s.interval_s,
    host_scheme = s.host_scheme, host_value = s.host_value, lon = s.lon, lat = s.lat, z = s.z, z_reference = s.z_reference,
    attributes = s.attributes, dataset_id = $dataset::UUID, record_hash = s.record_hash
FROM staged_stream s JOIN thing t ON t.key = s.thing_key
WHERE datastream.stream_id = s.known_id AND s.verdict = 'changed' AND s.reason IS NULL;

INSERT INTO datastream
SELECT (SELECT coalesce(max(id), 0) FROM (SELECT stream_id AS id FROM datastream UNION ALL SELECT id FROM sta_datastream UNION ALL FROM sta_gone)) + row_number() OVER (ORDER BY s.position), t.thing_id, s.key,
    s.property, s.unit, s.subject, s.warn_low, s.warn_high, s.alarm_low, s.alarm_high, s.interval_s, s.host_scheme, s.host_value,
    s.lon, s.lat, s.z, s.z_reference, s.attributes, $dataset::UUID, s.record_hash
FROM staged_stream s JOIN thing t ON t.key = s.thing_key
WHERE s.verdict = 'loaded' AND s.reason IS NULL
ORDER BY s.position;
