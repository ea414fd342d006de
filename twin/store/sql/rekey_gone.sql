-- Records an earlier delivery of $source_key had and the staged one has not, with class, name, tag and where their shape stands.
SELECT r.key, r.eid::VARCHAR AS eid, concat_ws('|', e.class_code, e.attributes ->> 'ifc_class') AS kind, e.name,
       e.attributes ->> 'tag' AS tag, arg_min(g.asset, g.mesh_id IS NULL) AS asset, arg_min(g.mesh_id, g.mesh_id IS NULL) AS mesh_id,
       arg_min(g.xmin, g.mesh_id IS NULL) AS xmin, arg_min(g.ymin, g.mesh_id IS NULL) AS ymin, arg_min(g.zmin, g.mesh_id IS NULL) AS zmin,
       arg_min(g.xmax, g.mesh_id IS NULL) AS xmax, arg_min(g.ymax, g.mesh_id IS NULL) AS ymax, arg_min(g.zmax, g.mesh_id IS NULL) AS zmax
FROM source_record r JOIN entity e ON e.eid = r.eid
LEFT JOIN geometry g ON g.eid = e.eid
    AND g.dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $source_key)
WHERE r.source_key = $source_key AND r.subject_kind = 'entity' AND r.outcome <> 'gone' AND NOT EXISTS (SELECT 1 FROM staged s WHERE s.key = r.key)
GROUP BY ALL ORDER BY r.key;
