-- Every datastream with its thing, thresholds and place (degrees, metres above the ellipsoid), in the order of its id.
-- $ids: those only; NULL: all.
-- The anchor of a datastream has subject_kind 'datastream' and the stream's id as subject_id.
SELECT d.stream_id, d.key, t.name, t.thing_id::VARCHAR AS thing_id, d.subject, d.property, d.unit, d.interval_s,
    d.warn_low, d.warn_high, d.alarm_low, d.alarm_high,
    coalesce(a.lon, d.lon) AS lon, coalesce(a.lat, d.lat) AS lat,
    coalesce(a.z, CASE WHEN d.z_reference = 'ellipsoid' THEN d.z END) AS z,
    a.eid::VARCHAR AS eid, a.grid_code, d.host_scheme, d.host_value, d.attributes::VARCHAR AS attributes
FROM datastream d
LEFT JOIN thing t USING (thing_id)
LEFT JOIN (FROM anchor WHERE subject_kind = 'datastream'
        AND ($ids::BIGINT[] IS NULL OR subject_id IN (SELECT unnest($ids::BIGINT[])::VARCHAR))
    QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY at_time DESC) = 1) a
    ON a.subject_id = d.stream_id::VARCHAR
WHERE $ids::BIGINT[] IS NULL OR d.stream_id IN (SELECT unnest($ids::BIGINT[]))
ORDER BY d.stream_id;
