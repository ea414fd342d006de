-- Foot and top of things by id ($eids), metres above the ellipsoid: their own, else the foot of their anchor and height_m above it.
WITH asked AS (SELECT unnest($eids::UUID[]) AS eid),
own AS (SELECT eid, min(zmin) AS foot, max(zmax) AS top FROM geometry WHERE zmin IS NOT NULL AND eid IN (FROM asked) GROUP BY eid),
tied AS (SELECT TRY_CAST(subject_id AS UUID) AS eid, arg_max(z, at_time) AS foot FROM anchor
         WHERE subject_kind = 'entity' AND subject_id IN (SELECT eid::VARCHAR FROM asked) GROUP BY subject_id)
SELECT a.eid::VARCHAR AS eid, coalesce(o.foot, t.foot) AS foot,
       greatest(o.top, coalesce(o.foot, t.foot) + coalesce(e.height_m, 0)) AS top
FROM asked a LEFT JOIN own o USING (eid) LEFT JOIN tied t USING (eid) LEFT JOIN entity e USING (eid)
