-- Representations whose box meets the box $west $south $east $north (degrees) and the heights $low … $high (metres above
-- the ellipsoid, null = any; things without heights always meet). wkb only where the box alone does not decide.
SELECT e.eid::VARCHAR AS eid,
       CASE WHEN g.xmin >= $west AND g.xmax <= $east AND g.ymin >= $south AND g.ymax <= $north THEN NULL ELSE g.wkb END AS wkb
FROM geometry g JOIN ({states}) e USING (eid)
WHERE g.xmax >= $west AND g.xmin <= $east AND g.ymax >= $south AND g.ymin <= $north
  AND ($low::DOUBLE IS NULL OR g.zmax IS NULL OR g.zmax >= $low) AND ($high::DOUBLE IS NULL OR g.zmin IS NULL OR g.zmin <= $high)
  AND {conditions}
