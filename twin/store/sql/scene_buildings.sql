-- Buildings to extrude: one footprint each, ground height from the anchor, none that has a mesh of its own or below it.
WITH RECURSIVE meshed AS (
    SELECT DISTINCT g.eid FROM geometry g JOIN entity e USING (eid) WHERE g.mesh_id IS NOT NULL AND e.collection <> 'rooms'
    UNION
    SELECT r.dst FROM relation r JOIN meshed m ON m.eid = r.src WHERE r.kind IN ('part_of', 'located_in'))
SELECT e.eid::VARCHAR AS eid, e.class_code, e.name, e.height_m, e.floors, a.ground_z AS base_z, g.wkb,
       e.attributes ->> 'usage' AS usage,
       coalesce(e.attributes ->> '$."roof:shape"', e.attributes ->> 'roofType', e.attributes ->> 'roof_shape') AS roof_shape,
       TRY_CAST(coalesce(e.attributes ->> '$."roof:height"', e.attributes ->> 'roof_height_m') AS DOUBLE) AS roof_height_m
FROM entity e
JOIN (SELECT eid, arg_min(wkb, role <> 'footprint') AS wkb, min(hilbert) AS hilbert FROM geometry
      WHERE role IN ('footprint', 'area', 'solid') AND wkb IS NOT NULL GROUP BY eid) g USING (eid)
LEFT JOIN anchor a ON a.subject_kind = 'entity' AND a.subject_id = e.eid::VARCHAR
WHERE e.collection IN ('buildings', 'building_parts') AND e.valid_to IS NULL AND e.lifecycle <> 'demolished'
  AND NOT EXISTS (SELECT 1 FROM meshed m WHERE m.eid = e.eid)
ORDER BY g.hilbert, e.eid;
