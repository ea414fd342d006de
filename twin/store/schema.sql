-- The CIM base: all tables of a city. Longitude/latitude are degrees in EPSG:4490, z is metres above the ellipsoid,
-- times are UTC, intervals are half-open [from, to) with NULL for "still so". What hardly packs (shapes, keys, boxes, random ids) stays as it is:
-- trying costs a load more than the file gains.

CREATE TABLE IF NOT EXISTS base_meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

CREATE TABLE IF NOT EXISTS dataset (
    dataset_id UUID PRIMARY KEY, source_key VARCHAR NOT NULL,      -- file name + layer: the same source loaded again
    path VARCHAR, layer VARCHAR, format VARCHAR, kind VARCHAR, sha256 VARCHAR, licence VARCHAR, encoding VARCHAR,
    crs_found VARCHAR, crs_used VARCHAR, crs_why VARCHAR, crs_confidence DOUBLE, z_reference VARCHAR,
    n_in BIGINT, n_loaded BIGINT, n_changed BIGINT, n_merged BIGINT, n_unchanged BIGINT, n_quarantined BIGINT, n_repaired BIGINT,
    n_gone BIGINT, findings VARCHAR[], loaded_at TIMESTAMP, seconds DOUBLE);

CREATE TABLE IF NOT EXISTS entity (
    eid UUID, class_code VARCHAR, edition VARCHAR, collection VARCHAR, name VARCHAR,
    height_m DOUBLE, floors INTEGER, attributes JSON, lifecycle VARCHAR,
    valid_from TIMESTAMP, valid_to TIMESTAMP, known_from TIMESTAMP, known_to TIMESTAMP,
    dataset_id UUID);

CREATE TABLE IF NOT EXISTS entity_history (
    eid UUID, class_code VARCHAR, edition VARCHAR, collection VARCHAR, name VARCHAR,
    height_m DOUBLE, floors INTEGER, attributes JSON, lifecycle VARCHAR,
    valid_from TIMESTAMP, valid_to TIMESTAMP, known_from TIMESTAMP, known_to TIMESTAMP,
    dataset_id UUID);

CREATE TABLE IF NOT EXISTS geometry (
    gid UUID USING COMPRESSION uncompressed, eid UUID, role VARCHAR, lod VARCHAR, cim_level VARCHAR, wkb BLOB USING COMPRESSION uncompressed,
    asset VARCHAR, mesh_id VARCHAR, matrix DOUBLE[],               -- mesh-local metres -> ECEF (EPSG:4978), row-major 4x4
    zmin DOUBLE, zmax DOUBLE, xmin DOUBLE USING COMPRESSION uncompressed, ymin DOUBLE USING COMPRESSION uncompressed,
    xmax DOUBLE USING COMPRESSION uncompressed, ymax DOUBLE USING COMPRESSION uncompressed, hilbert BIGINT, dataset_id UUID);

CREATE TABLE IF NOT EXISTS alias (
    scheme VARCHAR, value VARCHAR USING COMPRESSION uncompressed, eid UUID, valid_from TIMESTAMP, valid_to TIMESTAMP, dataset_id UUID);

CREATE TABLE IF NOT EXISTS relation (
    src UUID, dst UUID, kind VARCHAR, attributes JSON, valid_from TIMESTAMP, valid_to TIMESTAMP, dataset_id UUID);

CREATE TABLE IF NOT EXISTS lineage (
    from_eid UUID, to_eid UUID, kind VARCHAR, share DOUBLE, at_time TIMESTAMP);

CREATE TABLE IF NOT EXISTS fusion (
    at_time TIMESTAMP, dataset_id UUID, source_key VARCHAR, eid UUID, score DOUBLE, method VARCHAR, decision VARCHAR, evidence JSON);

CREATE TABLE IF NOT EXISTS conflict (
    at_time TIMESTAMP, eid UUID, field VARCHAR, kept VARCHAR, offered VARCHAR, dataset_id UUID);

-- subject_kind: entity | datastream | alarm | case.  method: geometry | terrain | parent | host | address | grid | none.
CREATE TABLE IF NOT EXISTS anchor (
    subject_kind VARCHAR, subject_id VARCHAR, akind VARCHAR,        -- akind: point entity part linear area address none
    eid UUID, node_id VARCHAR, grid_eid UUID, grid_code VARCHAR,
    lon DOUBLE, lat DOUBLE, z DOUBLE, ground_z DOUBLE,
    method VARCHAR, confidence DOUBLE, evidence JSON, reason VARCHAR, at_time TIMESTAMP);

-- Loads whose places are not computed yet: what they brought is listed through this, with the reason.
CREATE TABLE IF NOT EXISTS anchor_pending (dataset_id UUID, at_time TIMESTAMP, reason VARCHAR);

CREATE TABLE IF NOT EXISTS quarantine (
    dataset_id UUID, row_number BIGINT, source VARCHAR, reason VARCHAR, record JSON, at_time TIMESTAMP);

CREATE SEQUENCE IF NOT EXISTS change_seq;
CREATE TABLE IF NOT EXISTS change (
    seq BIGINT DEFAULT nextval('change_seq'), at_time TIMESTAMP, kind VARCHAR, subject_kind VARCHAR, subject_id VARCHAR, collection VARCHAR,
    xmin DOUBLE, ymin DOUBLE, xmax DOUBLE, ymax DOUBLE, dataset_id UUID);

-- Standard addresses (地名地址), closed by parent_id. node_id is opaque and never changes; everything else may. status: active |
-- planned | retired. main_id: the address that stands for a thing several addresses name (主辅地址). quality: placed | derived | unplaced.
CREATE TABLE IF NOT EXISTS address_node (
    node_id VARCHAR, parent_id VARCHAR, level VARCHAR, element_type VARCHAR, name VARCHAR, name_std VARCHAR, core VARCHAR,
    aliases VARCHAR[], number_prefix VARCHAR, number_core VARCHAR, number_sub VARCHAR, number_type VARCHAR,
    "full" VARCHAR, code VARCHAR, coordinate_code VARCHAR, lon DOUBLE, lat DOUBLE, z DOUBLE, zmin DOUBLE, zmax DOUBLE,
    eid UUID, key VARCHAR, building_key VARCHAR, status VARCHAR, main_id VARCHAR, replaced_by VARCHAR[],
    valid_from TIMESTAMP, valid_to TIMESTAMP, source VARCHAR, quality VARCHAR, dataset_id UUID);
-- An edit reads and writes a handful of nodes: without these it scans all of them.
CREATE INDEX IF NOT EXISTS address_node_by_id ON address_node (node_id);
CREATE INDEX IF NOT EXISTS address_node_by_parent ON address_node (parent_id);

-- Every code a node ever had; a code is never given to another node. scheme: zoned | coordinate.
CREATE TABLE IF NOT EXISTS address_code (
    code VARCHAR, scheme VARCHAR, edition VARCHAR, node_id VARCHAR, valid_from TIMESTAMP, valid_to TIMESTAMP);
CREATE INDEX IF NOT EXISTS address_code_by_node ON address_code (node_id);
-- Serials of the zoned code: within a scope (a node, '' for the base) and a part, never given twice.
CREATE TABLE IF NOT EXISTS address_serial (node_id VARCHAR, scope VARCHAR, part VARCHAR, serial BIGINT);
CREATE INDEX IF NOT EXISTS address_serial_by_scope ON address_serial (scope);
-- Names beside the standard one. kind: alias | former.
CREATE TABLE IF NOT EXISTS address_name (
    node_id VARCHAR, name VARCHAR, core VARCHAR, kind VARCHAR, valid_from TIMESTAMP, valid_to TIMESTAMP, source VARCHAR);
-- What happened to addresses. event: insert | rename | retire | split | merge | move. at_time: when it was so in the city.
CREATE SEQUENCE IF NOT EXISTS address_seq;
CREATE TABLE IF NOT EXISTS address_event (
    seq BIGINT DEFAULT nextval('address_seq'), at_time TIMESTAMP, known_at TIMESTAMP, event VARCHAR, node_id VARCHAR, into_ids VARCHAR[],
    old_name VARCHAR, new_name VARCHAR, old_full VARCHAR, old_parent VARCHAR, new_parent VARCHAR, actor VARCHAR, note VARCHAR);
-- What is wrong with a gazetteer table, kept with its load. rows: of the table, from 0.
CREATE TABLE IF NOT EXISTS address_fault (
    dataset_id UUID, source VARCHAR, kind VARCHAR, "full" VARCHAR, row_numbers BIGINT[], details JSON, at_time TIMESTAMP);
-- Bindings of addresses to things: kept with evidence, whether they were made or not (node_id NULL: listed, not bound).
CREATE TABLE IF NOT EXISTS address_binding (
    eid UUID, node_id VARCHAR, kind VARCHAR, score DOUBLE, evidence VARCHAR, at_time TIMESTAMP);

CREATE TABLE IF NOT EXISTS raster (
    kind VARCHAR, asset VARCHAR, crs VARCHAR, transform DOUBLE[], n_rows INTEGER, n_cols INTEGER, z_reference VARCHAR,
    xmin DOUBLE, ymin DOUBLE, xmax DOUBLE, ymax DOUBLE, dataset_id UUID);

CREATE TABLE IF NOT EXISTS mesh_asset (asset VARCHAR, n_meshes BIGINT, n_triangles BIGINT, bytes BIGINT, dataset_id UUID);

-- Points of a cloud (twin/cloud): the source that has them, their system and height reference.
CREATE TABLE IF NOT EXISTS cloud_asset (
    asset VARCHAR, source_key VARCHAR, n_points BIGINT, crs VARCHAR, z_reference VARCHAR, bytes BIGINT);

-- Finished tilesets taken as they are: a folder of the assets, its first document, kind 3d-tiles | terrain, degrees.
CREATE TABLE IF NOT EXISTS tileset_asset (
    asset VARCHAR, source_key VARCHAR, entry VARCHAR, kind VARCHAR, title VARCHAR, n_files BIGINT, bytes BIGINT,
    xmin DOUBLE, ymin DOUBLE, xmax DOUBLE, ymax DOUBLE);

CREATE TABLE IF NOT EXISTS thing (thing_id UUID PRIMARY KEY, key VARCHAR, name VARCHAR, subject VARCHAR, attributes JSON, dataset_id UUID, record_hash VARCHAR);
CREATE TABLE IF NOT EXISTS datastream (
    stream_id BIGINT PRIMARY KEY, thing_id UUID, key VARCHAR, property VARCHAR, unit VARCHAR, subject VARCHAR,
    warn_low DOUBLE, warn_high DOUBLE, alarm_low DOUBLE, alarm_high DOUBLE, interval_s DOUBLE, host_scheme VARCHAR, host_value VARCHAR,
    lon DOUBLE, lat DOUBLE, z DOUBLE, z_reference VARCHAR, attributes JSON, dataset_id UUID, record_hash VARCHAR);
CREATE TABLE IF NOT EXISTS observation (
    stream_id BIGINT, phenomenon_time TIMESTAMP, received_at TIMESTAMP, result DOUBLE, quality VARCHAR);
CREATE TABLE IF NOT EXISTS latest (stream_id BIGINT PRIMARY KEY, phenomenon_time TIMESTAMP, result DOUBLE, state VARCHAR);

-- Rules in force. in_force: months, weekdays and hours; members and need: of compound rules; origin: threshold | starting | person.
CREATE TABLE IF NOT EXISTS alarm_rule (
    rule_id VARCHAR PRIMARY KEY, stream_id BIGINT, level VARCHAR, comparison VARCHAR, threshold DOUBLE, dead_band DOUBLE,
    on_delay_s DOUBLE, off_delay_s DOUBLE, enabled BOOLEAN, version INTEGER DEFAULT 1, kind VARCHAR DEFAULT 'level', name VARCHAR,
    in_force JSON, latched BOOLEAN DEFAULT false, suppressed_by VARCHAR, need INTEGER, members JSON, origin VARCHAR,
    valid_from TIMESTAMP, actor VARCHAR, note VARCHAR);
-- Versions that ended, and when.
CREATE TABLE IF NOT EXISTS alarm_rule_history (
    rule_id VARCHAR, stream_id BIGINT, level VARCHAR, comparison VARCHAR, threshold DOUBLE, dead_band DOUBLE,
    on_delay_s DOUBLE, off_delay_s DOUBLE, enabled BOOLEAN, version INTEGER, kind VARCHAR, name VARCHAR,
    in_force JSON, latched BOOLEAN, suppressed_by VARCHAR, need INTEGER, members JSON, origin VARCHAR,
    valid_from TIMESTAMP, actor VARCHAR, note VARCHAR, valid_to TIMESTAMP);
-- Conditions that hold now: what the on and off delays of a rule count from.
CREATE TABLE IF NOT EXISTS alarm_condition (rule_id VARCHAR, active BOOLEAN, since TIMESTAMP);
CREATE TABLE IF NOT EXISTS alarm (
    alarm_id UUID PRIMARY KEY, rule_id VARCHAR, stream_id BIGINT, level VARCHAR, state VARCHAR, value DOUBLE, threshold DOUBLE,
    raised_at TIMESTAMP, acknowledged_at TIMESTAMP, returned_at TIMESTAMP, message_zh VARCHAR, message_en VARCHAR,
    kind VARCHAR, rule_version INTEGER, latched BOOLEAN, shelved_until TIMESTAMP);
CREATE SEQUENCE IF NOT EXISTS live_seq;
CREATE TABLE IF NOT EXISTS alarm_event (
    seq BIGINT DEFAULT nextval('live_seq'), alarm_id UUID, at_time TIMESTAMP, event VARCHAR, from_state VARCHAR, to_state VARCHAR, actor VARCHAR, note VARCHAR, value DOUBLE);

CREATE TABLE IF NOT EXISTS case_file (
    case_id UUID PRIMARY KEY, key VARCHAR, kind VARCHAR, code VARCHAR, edition VARCHAR, title VARCHAR, description VARCHAR, address_text VARCHAR,
    lon DOUBLE, lat DOUBLE, stage VARCHAR, reported_at TIMESTAMP, closed_at TIMESTAMP, source VARCHAR, unit VARCHAR, alarm_id UUID,
    attributes JSON, dataset_id UUID, record_hash VARCHAR, urgency VARCHAR, stage_since TIMESTAMP);
CREATE TABLE IF NOT EXISTS case_event (
    seq BIGINT DEFAULT nextval('live_seq'), case_id UUID, at_time TIMESTAMP, event VARCHAR, from_stage VARCHAR, to_stage VARCHAR, actor VARCHAR, note VARCHAR,
    role VARCHAR, details JSON);                                   -- role: as whom; details: what the step says beside: hours, until, unit, into
-- Responsible units (责任单位) by beginning of type and of 单元网格 code; photos with what they say of their place.
CREATE TABLE IF NOT EXISTS case_unit (code VARCHAR, area VARCHAR, unit VARCHAR);
CREATE TABLE IF NOT EXISTS case_photo (
    case_id UUID, sha256 VARCHAR, asset VARCHAR, media_type VARCHAR, n_bytes BIGINT, width INTEGER, height INTEGER, taken_at TIMESTAMP,
    lon DOUBLE, lat DOUBLE, distance_m DOUBLE, verdict VARCHAR, actor VARCHAR, at_time TIMESTAMP);

-- What each record of each source became: reloading is idempotent through it. A thing stands in eid, anything else in subject_id.
CREATE TYPE IF NOT EXISTS record_kind AS ENUM ('entity', 'address');
CREATE TYPE IF NOT EXISTS record_outcome AS ENUM ('create', 'change', 'merge', 'unchanged', 'gone');
CREATE TABLE IF NOT EXISTS source_record (
    source_key VARCHAR, key VARCHAR USING COMPRESSION uncompressed, subject_kind record_kind, eid UUID, subject_id VARCHAR,
    record_hash UUID USING COMPRESSION uncompressed, outcome record_outcome, dataset_id UUID);

-- SensorThings entities (OGC 18-088) beside thing and datastream: what those do not say. ids are never given twice (sta_seq);
-- those of datastreams are the stream_id. derived: from what a row was made by sql/adopt.sql, null for those a client made.
CREATE SEQUENCE IF NOT EXISTS sta_seq;
CREATE TABLE IF NOT EXISTS sta_thing (id BIGINT PRIMARY KEY, thing_id UUID, description VARCHAR, properties JSON);
CREATE TABLE IF NOT EXISTS sta_sensor (
    id BIGINT PRIMARY KEY, name VARCHAR, description VARCHAR, encoding_type VARCHAR, metadata JSON, properties JSON, derived VARCHAR);
CREATE TABLE IF NOT EXISTS sta_property (
    id BIGINT PRIMARY KEY, name VARCHAR, definition VARCHAR, description VARCHAR, properties JSON, derived VARCHAR);
CREATE TABLE IF NOT EXISTS sta_datastream (
    id BIGINT PRIMARY KEY, multi BOOLEAN, thing BIGINT, sensor BIGINT, feature BIGINT, name VARCHAR, description VARCHAR,
    observation_type VARCHAR, multi_types JSON, unit JSON, properties JSON, observed_area JSON);
CREATE TABLE IF NOT EXISTS sta_datastream_property (datastream BIGINT, nth INTEGER, property BIGINT);
CREATE TABLE IF NOT EXISTS sta_gone (id BIGINT);
-- geometry: the GeoJSON geometry of the location or feature, of a Feature that inside it; null where it is none.
CREATE TABLE IF NOT EXISTS sta_location (
    id BIGINT PRIMARY KEY, name VARCHAR, description VARCHAR, encoding_type VARCHAR, location JSON, geometry JSON, properties JSON, derived VARCHAR);
CREATE TABLE IF NOT EXISTS sta_thing_location (thing BIGINT, location BIGINT);
CREATE TABLE IF NOT EXISTS sta_history (id BIGINT PRIMARY KEY, thing BIGINT, at_time TIMESTAMP);
CREATE TABLE IF NOT EXISTS sta_history_location (history BIGINT, location BIGINT);
CREATE TABLE IF NOT EXISTS sta_feature (
    id BIGINT PRIMARY KEY, name VARCHAR, description VARCHAR, encoding_type VARCHAR, feature JSON, geometry JSON, properties JSON, location BIGINT);
-- Observations the archive cannot hold (it keeps numbers at instants): of MultiDatastreams, texts, truth values, intervals.
CREATE TABLE IF NOT EXISTS sta_observation (
    id BIGINT PRIMARY KEY, datastream BIGINT, time_from TIMESTAMP, time_to TIMESTAMP, result_time TIMESTAMP, result JSON, quality JSON,
    valid_from TIMESTAMP, valid_to TIMESTAMP, parameters JSON, feature BIGINT);
-- What observations in the archive say beyond number, time and quality.
CREATE TABLE IF NOT EXISTS sta_remark (
    datastream BIGINT, time_from TIMESTAMP, result_time TIMESTAMP, valid_from TIMESTAMP, valid_to TIMESTAMP, parameters JSON, feature BIGINT);
-- Box (degrees) of what the observations of a Datastream were of, beside where it is now (twin/sensorthings/areas.py).
CREATE TABLE IF NOT EXISTS sta_extent (datastream BIGINT PRIMARY KEY, west DOUBLE, south DOUBLE, east DOUBLE, north DOUBLE);

CREATE VIEW IF NOT EXISTS sta_Things AS
SELECT s.id, t.name, coalesce(s.description, t.subject, '') AS description, coalesce(s.properties, t.attributes) AS properties
FROM sta_thing s JOIN thing t USING (thing_id);
CREATE VIEW IF NOT EXISTS sta_Sensors AS
SELECT id, name, description, encoding_type AS "encodingType", metadata, properties FROM sta_sensor;
CREATE VIEW IF NOT EXISTS sta_ObservedProperties AS SELECT id, name, definition, description, properties FROM sta_property;
CREATE VIEW IF NOT EXISTS sta_Locations AS
SELECT id, name, description, encoding_type AS "encodingType", location, geometry, properties FROM sta_location;
CREATE VIEW IF NOT EXISTS sta_HistoricalLocations AS SELECT id, at_time AS "time", thing AS _thing FROM sta_history;
CREATE VIEW IF NOT EXISTS sta_FeaturesOfInterest AS
SELECT id, name, description, encoding_type AS "encodingType", feature, geometry, properties FROM sta_feature;
CREATE VIEW IF NOT EXISTS sta_Datastreams AS
SELECT id, name, description, observation_type AS "observationType", unit AS "unitOfMeasurement", observed_area AS "observedArea", properties,
       thing AS _thing, sensor AS _sensor, feature AS _feature
FROM sta_datastream WHERE NOT multi;
CREATE VIEW IF NOT EXISTS sta_MultiDatastreams AS
SELECT id, name, description, observation_type AS "observationType", multi_types AS "multiObservationDataTypes", unit AS "unitOfMeasurements",
       observed_area AS "observedArea", properties, thing AS _thing, sensor AS _sensor, feature AS _feature
FROM sta_datastream WHERE multi;
