-- What the base holds of the records of $source_key that this delivery changes or lacks: one shape each, from this source.
-- key is the staged record that changes it, NULL where the delivery lacks it.
SELECT r.key AS old_key, r.eid::VARCHAR AS eid, f.key, e.name, e.class_code, e.collection, e.attributes::VARCHAR AS attributes, g.wkb,
       (SELECT count(*) FROM source_record o WHERE o.eid = r.eid AND o.source_key <> $source_key
            AND o.subject_kind = 'entity' AND o.outcome <> 'gone') AS n_others
FROM source_record r
JOIN entity e ON e.eid = r.eid
LEFT JOIN fate f ON f.key = r.key AND f.fate = 'change'
LEFT JOIN (SELECT eid, arg_min(wkb, role <> 'footprint') AS wkb FROM geometry
           WHERE wkb IS NOT NULL AND lod IS DISTINCT FROM 'lifted'
             AND dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $source_key) GROUP BY eid) g ON g.eid = e.eid
WHERE r.source_key = $source_key AND r.subject_kind = 'entity' AND r.outcome <> 'gone'
  AND (f.key IS NOT NULL OR NOT EXISTS (SELECT 1 FROM staged s WHERE s.key = r.key))
ORDER BY r.key;
