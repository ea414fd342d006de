-- Temporary tables that hold one layer while it is loaded; dropped and made anew for each layer.
DROP TABLE IF EXISTS staged;
CREATE TEMP TABLE staged (
    "row" BIGINT, key VARCHAR, name VARCHAR, class_code VARCHAR, edition VARCHAR, collection VARCHAR,
    parent_key VARCHAR, relation VARCHAR, aliases STRUCT(scheme VARCHAR, value VARCHAR)[], attributes JSON,
    role VARCHAR, lod VARCHAR, wkb BLOB, mesh_id VARCHAR, matrix DOUBLE[],
    xmin DOUBLE, ymin DOUBLE, zmin DOUBLE, xmax DOUBLE, ymax DOUBLE, zmax DOUBLE, hilbert BIGINT, record_hash UUID);
DROP TABLE IF EXISTS staged_extra;
CREATE TEMP TABLE staged_extra (
    key VARCHAR, role VARCHAR, lod VARCHAR, wkb BLOB, mesh_id VARCHAR, matrix DOUBLE[],
    xmin DOUBLE, ymin DOUBLE, zmin DOUBLE, xmax DOUBLE, ymax DOUBLE, zmax DOUBLE, hilbert BIGINT);
DROP TABLE IF EXISTS staged_link;
CREATE TEMP TABLE staged_link (key VARCHAR, kind VARCHAR, target_key VARCHAR);
