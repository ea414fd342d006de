-- What becomes of each row of a gazetteer (views good and nodes). $source_key: the source. Answers counts by fate.
CREATE OR REPLACE TEMP TABLE address_fate AS
WITH first_rows AS (
    SELECT *, row_number() OVER (PARTITION BY key ORDER BY "row") AS k FROM good),
hashed AS (
    SELECT g."row", g.key, n.node_id,
           md5(concat_ws(chr(31), coalesce(g."full", ''), coalesce(round(g.lon, 8), 0), coalesce(round(g.lat, 8), 0), coalesce(g.z, 0),
               coalesce(g.building_key, ''), coalesce(g.status, ''), coalesce(g.poi, '')))::UUID AS record_hash
    FROM first_rows g LEFT JOIN (SELECT key, any_value(node_id) AS node_id FROM nodes WHERE key IS NOT NULL GROUP BY key) n USING (key)
    WHERE g.k = 1)
SELECT h.key, h.node_id, h.record_hash,
       CASE WHEN r.key IS NOT NULL AND r.record_hash = h.record_hash THEN 'unchanged'
            WHEN h.node_id IS NULL THEN 'merge'                         -- an earlier row names the same node
            WHEN r.key IS NOT NULL THEN 'change' ELSE 'create' END AS fate
FROM hashed h LEFT JOIN source_record r ON r.source_key = $source_key AND r.subject_kind = 'address' AND r.key = h.key;
SELECT fate, count(*) FROM address_fate GROUP BY fate;
