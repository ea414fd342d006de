-- As read_candidates, of things that reach between the heights $low and $high (metres above the ellipsoid). A footprint or
-- point without heights of its own stands on its anchor and is height_m high; an area or line without heights always meets.
WITH met AS MATERIALIZED (
    SELECT g.eid, g.role, e.height_m,
           CASE WHEN g.xmin >= $west AND g.xmax <= $east AND g.ymin >= $south AND g.ymax <= $north THEN NULL ELSE g.wkb END AS wkb
    FROM geometry g JOIN ({states}) e USING (eid)
    WHERE g.xmax >= $west AND g.xmin <= $east AND g.ymax >= $south AND g.ymin <= $north AND {conditions}),
own AS (SELECT eid, min(zmin) AS foot, max(zmax) AS top FROM geometry WHERE zmin IS NOT NULL AND eid IN (SELECT eid FROM met) GROUP BY eid),
tied AS (SELECT TRY_CAST(subject_id AS UUID) AS eid, arg_max(z, at_time) AS foot FROM anchor
         WHERE subject_kind = 'entity' AND subject_id IN (SELECT eid::VARCHAR FROM met WHERE role IN ('footprint', 'point')) GROUP BY subject_id)
SELECT m.eid::VARCHAR AS eid, m.wkb
FROM met m LEFT JOIN own o USING (eid) LEFT JOIN tied t USING (eid)
WHERE coalesce(o.foot, t.foot) IS NULL
   OR (coalesce(o.foot, t.foot) <= $high AND greatest(o.top, coalesce(o.foot, t.foot) + coalesce(m.height_m, 0)) >= $low)
