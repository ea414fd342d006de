-- Every record of every source became one thing.
SELECT source_key || ' ' || key AS what, count(*) = 1 AND bool_and(s.subject_kind <> 'entity' OR e.eid IS NOT NULL) AS ok
FROM source_record s LEFT JOIN entity e ON s.subject_kind = 'entity' AND e.eid = try_cast(s.subject_id AS UUID)
GROUP BY source_key, s.subject_kind, key
