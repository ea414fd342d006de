-- Representations whose box meets the box $west $south $east $north (degrees); wkb only where the box alone does not decide.
SELECT e.eid::VARCHAR AS eid,
       CASE WHEN g.xmin >= $west AND g.xmax <= $east AND g.ymin >= $south AND g.ymax <= $north THEN NULL ELSE g.wkb END AS wkb
FROM geometry g JOIN ({states}) e USING (eid)
WHERE g.xmax >= $west AND g.xmin <= $east AND g.ymax >= $south AND g.ymin <= $north AND {conditions}
