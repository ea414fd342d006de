-- Give serials to nodes (view wants) that have none in their scope, in the order of their keys; then all serials that are asked for.
INSERT INTO address_serial
SELECT w.node_id, w.scope, w.part,
       coalesce(t.top, 0) + row_number() OVER (PARTITION BY w.scope, w.part ORDER BY w.sort_key, w.node_id)
FROM wants w LEFT JOIN (SELECT scope, part, max(serial) AS top FROM address_serial GROUP BY scope, part) t USING (scope, part)
WHERE NOT EXISTS (SELECT 1 FROM address_serial s WHERE s.node_id = w.node_id AND s.scope = w.scope AND s.part = w.part);
SELECT w.node_id, s.serial FROM wants w JOIN address_serial s USING (node_id, scope, part);
