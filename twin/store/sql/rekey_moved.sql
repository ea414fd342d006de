-- How many changed records of $source_key stand elsewhere than before: a corner of the box moved by more than a centimetre or 1e-7°.
SELECT count(DISTINCT f.key)
FROM fate f JOIN staged s USING (key)
JOIN geometry g ON g.eid = f.eid AND g.dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $source_key)
    AND (g.mesh_id IS NOT NULL) = (s.mesh_id IS NOT NULL) AND g.role = s.role
WHERE f.fate = 'change'
  AND (abs(g.xmin - s.xmin) > 1e-7 OR abs(g.ymin - s.ymin) > 1e-7 OR abs(g.zmin - s.zmin) > 0.01
    OR abs(g.xmax - s.xmax) > 1e-7 OR abs(g.ymax - s.ymax) > 1e-7 OR abs(g.zmax - s.zmax) > 0.01);
