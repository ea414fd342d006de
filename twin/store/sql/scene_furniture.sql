-- 管理部件 that are points, with their class and the ellipsoidal height (m) they stand at, null where none is known.
SELECT e.eid::VARCHAR AS eid, e.class_code, e.name, g.xmin AS lon, g.ymin AS lat, coalesce(g.zmin, a.ground_z) AS z
FROM entity e JOIN geometry g USING (eid)
LEFT JOIN anchor a ON a.subject_kind = 'entity' AND a.subject_id = e.eid::VARCHAR
WHERE e.collection = 'components' AND e.valid_to IS NULL AND g.role = 'point'
  AND NOT EXISTS (SELECT 1 FROM geometry m WHERE m.eid = e.eid AND m.mesh_id IS NOT NULL)
QUALIFY row_number() OVER (PARTITION BY e.eid ORDER BY g.zmin IS NULL, g.gid) = 1
ORDER BY g.hilbert, e.eid;
