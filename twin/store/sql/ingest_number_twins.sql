-- Identical records without keys are separate things: number them. Keys given by the source are left alone.
UPDATE staged SET key = staged.key || '#' || n.k
FROM (SELECT "row", row_number() OVER (PARTITION BY key ORDER BY "row") AS k FROM staged WHERE key LIKE 'content:%') AS n
WHERE staged."row" = n."row" AND n.k > 1;
