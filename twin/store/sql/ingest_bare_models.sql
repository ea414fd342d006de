-- Shapes below (and of) each building, bridge or tunnel of the rows incoming (columns of staged) that has no outline of its own; a ring of parents ends where it began.
WITH RECURSIVE family AS (
    SELECT key AS root, key, 0 AS depth FROM incoming
    WHERE class_code IN ('building', 'bridge', 'tunnel') AND wkb IS NULL
    UNION
    SELECT f.root, s.key, f.depth + 1 FROM family f JOIN incoming s ON s.parent_key = f.key WHERE f.depth < 12)
SELECT f.root, s.mesh_id, s.matrix, CASE WHEN s.role IN ('footprint', 'area', 'mesh') THEN s.wkb END AS wkb, s.zmin, s.zmax
FROM (SELECT DISTINCT root, key FROM family) f JOIN incoming s ON s.key = f.key
WHERE s.mesh_id IS NOT NULL ORDER BY f.root, s."row";
