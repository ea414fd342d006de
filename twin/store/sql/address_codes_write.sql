-- Write codes (view codes: node_id, code, coordinate_code; null where there is none); a code that changes is closed, not lost.
-- $edition, $at_time.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT c.node_id, unnest(['zoned', 'coordinate']) AS scheme, unnest([c.code, c.coordinate_code]) AS code FROM codes c;
UPDATE address_code AS o SET valid_to = $at_time FROM fresh f
WHERE o.node_id = f.node_id AND o.scheme = f.scheme AND o.valid_to IS NULL AND f.code IS DISTINCT FROM o.code;
INSERT INTO address_code
SELECT f.code, f.scheme, CASE f.scheme WHEN 'zoned' THEN $edition ELSE 'geohash' END, f.node_id, $at_time, NULL FROM fresh f
WHERE f.code IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM address_code o WHERE o.node_id = f.node_id AND o.scheme = f.scheme AND o.code = f.code AND o.valid_to IS NULL);
UPDATE address_node AS n SET code = c.code, coordinate_code = c.coordinate_code FROM codes c
WHERE c.node_id = n.node_id AND (n.code IS DISTINCT FROM c.code OR n.coordinate_code IS DISTINCT FROM c.coordinate_code);
DROP TABLE fresh;
