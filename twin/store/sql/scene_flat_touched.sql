-- What changed of a collection after a change, each thing once: its box now and in the log. $collection, $since: number of a change.
-- eid is null for a change that names no thing.
WITH told AS (
    SELECT CASE WHEN subject_kind = 'entity' THEN TRY_CAST(subject_id AS UUID) END AS eid,
           min(xmin) AS xmin, min(ymin) AS ymin, max(xmax) AS xmax, max(ymax) AS ymax
    FROM change WHERE collection = $collection AND seq > $since GROUP BY 1),
now AS (
    SELECT eid, min(xmin) AS xmin, min(ymin) AS ymin, max(xmax) AS xmax, max(ymax) AS ymax
    FROM geometry WHERE eid IN (SELECT eid FROM told) GROUP BY 1)
SELECT t.eid::VARCHAR AS eid, least(t.xmin, n.xmin) AS xmin, least(t.ymin, n.ymin) AS ymin,
       greatest(t.xmax, n.xmax) AS xmax, greatest(t.ymax, n.ymax) AS ymax
FROM told t LEFT JOIN now n USING (eid) ORDER BY 1;
