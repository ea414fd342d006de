-- Makes the SensorThings entities of streams that came another way (sensor tables): a thing, a sensor per subject, an observed property per
-- property, a location and feature per place. Rows made once stay; what was made from nothing new is not made again.
CREATE OR REPLACE TEMP TABLE adopted AS
SELECT d.stream_id, d.thing_id, d.key, coalesce(d.property, '') AS property, coalesce(d.unit, '') AS unit, coalesce(d.subject, '') AS subject,
       d.attributes, t.name AS thing_name, coalesce(a.lon, d.lon) AS lon, coalesce(a.lat, d.lat) AS lat,
       coalesce(a.z, CASE WHEN d.z_reference = 'ellipsoid' THEN d.z END) AS z
FROM datastream d JOIN thing t USING (thing_id)
LEFT JOIN (FROM anchor WHERE subject_kind = 'datastream' QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY at_time DESC) = 1) a
    ON a.subject_id = d.stream_id::VARCHAR
WHERE NOT EXISTS (FROM sta_datastream s WHERE s.id = d.stream_id);

INSERT INTO sta_thing
SELECT nextval('sta_seq'), thing_id, NULL, NULL
FROM (SELECT thing_id, min(stream_id) AS first FROM adopted WHERE thing_id NOT IN (SELECT thing_id FROM sta_thing) GROUP BY thing_id ORDER BY first);

INSERT INTO sta_sensor
SELECT nextval('sta_seq'), concat_ws(' ', nullif(subject, ''), '传感器'), '由台账导入，未说明型号 (from a sensor table that names no model)',
       'text/plain', '""'::JSON, NULL, subject
FROM (SELECT DISTINCT subject FROM adopted WHERE subject NOT IN (SELECT derived FROM sta_sensor WHERE derived IS NOT NULL) ORDER BY subject);

INSERT INTO sta_property
SELECT nextval('sta_seq'), property, '', property, NULL, property
FROM (SELECT DISTINCT property FROM adopted WHERE property NOT IN (SELECT derived FROM sta_property WHERE derived IS NOT NULL) ORDER BY property);

CREATE OR REPLACE TEMP TABLE adopted_place AS
SELECT thing_id, any_value(thing_name) AS name, json_object('type', 'Point', 'coordinates',
           CASE WHEN first(z ORDER BY stream_id) IS NULL THEN json_array(first(lon ORDER BY stream_id), first(lat ORDER BY stream_id))
                ELSE json_array(first(lon ORDER BY stream_id), first(lat ORDER BY stream_id), first(z ORDER BY stream_id)) END) AS place
FROM adopted WHERE lon IS NOT NULL AND lat IS NOT NULL
    AND thing_id NOT IN (SELECT t.thing_id FROM sta_thing t JOIN sta_thing_location l ON l.thing = t.id)
GROUP BY thing_id;
INSERT INTO sta_location
SELECT nextval('sta_seq'), name, name, 'application/geo+json', place, place, NULL, thing_id::VARCHAR FROM (FROM adopted_place ORDER BY thing_id);
INSERT INTO sta_thing_location
SELECT t.id, l.id FROM adopted_place p JOIN sta_thing t USING (thing_id) JOIN sta_location l ON l.derived = p.thing_id::VARCHAR;
INSERT INTO sta_history SELECT nextval('sta_seq'), t.id, $now::TIMESTAMP FROM adopted_place p JOIN sta_thing t USING (thing_id) ORDER BY t.id;
INSERT INTO sta_history_location
SELECT h.id, l.location FROM sta_history h JOIN sta_thing_location l USING (thing)
WHERE h.id NOT IN (SELECT history FROM sta_history_location);
INSERT INTO sta_feature
SELECT nextval('sta_seq'), l.name, l.description, l.encoding_type, l.location, l.geometry, NULL, l.id
FROM sta_location l WHERE l.geometry IS NOT NULL AND l.id NOT IN (SELECT location FROM sta_feature WHERE location IS NOT NULL) ORDER BY l.id;

INSERT INTO sta_datastream
SELECT a.stream_id, false, t.id, s.id, min(f.id), a.key, concat_ws(' ', a.thing_name, a.property),
       'http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement', NULL,
       json_object('name', a.unit, 'symbol', a.unit, 'definition', ''), any_value(a.attributes), NULL
FROM adopted a JOIN sta_thing t USING (thing_id) JOIN sta_sensor s ON s.derived = a.subject
LEFT JOIN sta_thing_location l ON l.thing = t.id LEFT JOIN sta_feature f ON f.location = l.location
GROUP BY a.stream_id, t.id, s.id, a.key, a.thing_name, a.property, a.unit;
INSERT INTO sta_datastream_property
SELECT a.stream_id, 0, p.id FROM adopted a JOIN sta_property p ON p.derived = a.property;
DROP TABLE adopted;
DROP TABLE adopted_place;
