-- Pairs that a relation of the base ties, now. $kind; $left, $right: collections; $most: rows.
SELECT r.src::VARCHAR AS "left", r.dst::VARCHAR AS "right", l.class_code AS left_class, g.class_code AS right_class
FROM relation r JOIN entity l ON l.eid = r.src JOIN entity g ON g.eid = r.dst
WHERE r.kind = $kind AND r.valid_to IS NULL AND l.valid_to IS NULL AND g.valid_to IS NULL AND l.collection = $left AND g.collection = $right
ORDER BY 1, 2 LIMIT $most;
