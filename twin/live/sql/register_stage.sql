-- Judges each row of incoming_streams against the base: known stream or not, same content or not, or why it is refused.
-- incoming_streams: STREAMS + lon, lat (degrees), z_ell (metres above the ellipsoid), position (0-based row).
-- A height above ground (z_reference ground) is kept as such; the stream's anchor lifts it onto the terrain.
CREATE OR REPLACE TEMP TABLE staged_stream AS
WITH given AS (
    SELECT position, key, coalesce(thing_key, key) AS thing_key, coalesce(thing_name, thing_key, key) AS thing_name, subject, property,
        unit, lon, lat, coalesce(z_ell, CASE WHEN z_reference = 'ground' THEN z END) AS z,
        CASE WHEN z_ell IS NULL THEN z_reference ELSE 'ellipsoid' END AS z_reference,
        host_scheme, host_value, warn_low, warn_high, alarm_low, alarm_high, interval_s, attributes, fault
    FROM incoming_streams),
hashed AS (
    SELECT *, md5(to_json(struct_pack(thing_key, thing_name, subject, property, unit, lon, lat, z, z_reference, host_scheme, host_value,
            warn_low, warn_high, alarm_low, alarm_high, interval_s, attributes))::VARCHAR) AS record_hash,
        md5(to_json(struct_pack(thing_name, subject))::VARCHAR) AS thing_hash,
        CASE WHEN fault IS NOT NULL THEN fault
             WHEN key IS NULL OR trim(key) = '' THEN 'stream without a key'
             WHEN attributes IS NOT NULL AND NOT json_valid(attributes) THEN 'attributes are not valid JSON' END AS flaw
    FROM given),
ranked AS (
    SELECT *, row_number() OVER same_key AS nth, first_value(record_hash) OVER same_key AS first_hash
    FROM hashed WINDOW same_key AS (PARTITION BY key, flaw IS NULL ORDER BY position))
SELECT r.*, d.stream_id AS known_id,
    CASE WHEN flaw IS NOT NULL THEN flaw
         WHEN nth > 1 AND r.record_hash <> first_hash THEN 'key ' || r.key || ' stands in an earlier row of this table with other content'
    END AS reason,
    CASE WHEN d.stream_id IS NULL AND nth = 1 THEN 'loaded'
         WHEN nth > 1 OR d.record_hash = r.record_hash THEN 'unchanged'
         ELSE 'changed' END AS verdict
FROM ranked r LEFT JOIN datastream d ON d.key = r.key;
