-- Short description and place of the things $eids.
WITH wanted AS (SELECT unnest($eids::UUID[]) AS eid),
box AS (SELECT eid, min(xmin) AS xmin, min(ymin) AS ymin, max(xmax) AS xmax, max(ymax) AS ymax, min(zmin) AS zmin, max(zmax) AS zmax
        FROM geometry WHERE eid IN (SELECT eid FROM wanted) GROUP BY eid),
tied AS (SELECT TRY_CAST(subject_id AS UUID) AS eid, lon, lat, z, grid_code FROM anchor
         WHERE subject_kind = 'entity' AND subject_id IN (SELECT eid::VARCHAR FROM wanted)
         QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY at_time DESC NULLS LAST) = 1),
addressed AS (SELECT eid, arg_min("full", length("full")) AS "full" FROM address_node
              WHERE eid IN (SELECT eid FROM wanted) GROUP BY eid)
SELECT e.eid::VARCHAR AS eid, e.name, e.class_code, e.collection, e.lifecycle, d."full",
       coalesce(t.lon, (b.xmin + b.xmax) / 2) AS lon, coalesce(t.lat, (b.ymin + b.ymax) / 2) AS lat, coalesce(t.z, b.zmin) AS z,
       b.xmin, b.ymin, b.xmax, b.ymax, coalesce(b.zmin, t.z) AS zmin,
       greatest(b.zmax, coalesce(b.zmin, t.z) + coalesce(e.height_m, 0)) AS zmax, t.grid_code, (e.valid_to IS NOT NULL AND e.valid_to <= $valid_at) AS retired
FROM entity e SEMI JOIN wanted USING (eid) LEFT JOIN box b USING (eid) LEFT JOIN tied t USING (eid) LEFT JOIN addressed d USING (eid)
