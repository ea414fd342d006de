-- Every record of every source became one thing.
SELECT s.source_key || ' ' || s.key AS what, count(*) = 1 AND bool_and(e.eid IS NOT NULL) AS ok
FROM (SELECT source_key, key, eid FROM source_record WHERE subject_kind = 'entity') s
LEFT JOIN entity e ON e.eid = s.eid
GROUP BY s.source_key, s.key
UNION ALL
SELECT source_key || ' ' || key, count(*) = 1 FROM source_record WHERE subject_kind <> 'entity' GROUP BY source_key, subject_kind, key
