-- Representations of things a reach may include. $classes: codes, or NULL for all; $west … $east (degrees): NULL for everywhere,
-- things without a place too. wkb is NULL where only a box or the anchor says where the thing is.
SELECT e.eid::VARCHAR AS eid, e.collection, e.class_code, e.valid_from, e.valid_to, CASE WHEN $west::DOUBLE IS NULL THEN NULL ELSE g.wkb END AS wkb,
       coalesce((g.xmin + g.xmax) / 2, a.lon) AS lon, coalesce((g.ymin + g.ymax) / 2, a.lat) AS lat,
       g.xmin, g.ymin, g.xmax, g.ymax, g.zmin, g.zmax
FROM entity e LEFT JOIN geometry g USING (eid)
LEFT JOIN (SELECT TRY_CAST(subject_id AS UUID) AS eid, lon, lat FROM anchor WHERE subject_kind = 'entity'
           QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY at_time DESC NULLS LAST) = 1) a ON a.eid = e.eid AND g.eid IS NULL
WHERE e.known_to IS NULL AND ($classes::VARCHAR[] IS NULL OR list_contains($classes::VARCHAR[], e.class_code))
  AND ($west::DOUBLE IS NULL
       OR (coalesce(g.xmax, a.lon) >= $west AND coalesce(g.xmin, a.lon) <= $east
           AND coalesce(g.ymax, a.lat) >= $south AND coalesce(g.ymin, a.lat) <= $north))
