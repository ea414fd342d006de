-- What becomes of each staged record. $source_key: the source. Fates: unchanged, change, merge, create.
CREATE OR REPLACE TEMP TABLE fate AS
WITH by_alias AS (   -- an identifier that is unique in the world, already issued to a thing of the same collection
    SELECT s.key, min(a.eid) AS eid
    FROM staged s, unnest(s.aliases) AS u(al)
    JOIN alias a ON a.scheme = u.al.scheme AND a.value = u.al.value AND a.valid_to IS NULL
    JOIN entity e ON e.eid = a.eid AND e.collection = s.collection
    WHERE s.collection <> 'buildings'                     -- buildings are matched with scores, see fusing.py
    GROUP BY s.key HAVING count(DISTINCT a.eid) = 1)
SELECT s.key, s."row", s.class_code, s.record_hash,
       coalesce(r.eid, b.eid) AS eid,
       CASE WHEN r.key IS NOT NULL AND r.record_hash = s.record_hash AND r.outcome <> 'gone' THEN 'unchanged'
            WHEN r.key IS NOT NULL THEN 'change'
            WHEN b.eid IS NOT NULL THEN 'merge'
            ELSE 'create' END AS fate
FROM staged s
LEFT JOIN source_record r ON r.source_key = $source_key AND r.subject_kind = 'entity' AND r.key = s.key
LEFT JOIN by_alias b ON b.key = s.key;
