-- Other names that a gazetteer table (view good) gives its addresses: alias of the node of the row. $source_key, $at_time.
DELETE FROM address_name WHERE source = $source_key AND kind = 'alias';
INSERT INTO address_name
SELECT DISTINCT f.node_id, trim(u.name), trim(u.name), 'alias', NULL::TIMESTAMP, NULL::TIMESTAMP, $source_key
FROM good g JOIN (SELECT key, any_value(node_id) AS node_id FROM nodes WHERE key IS NOT NULL GROUP BY key) f USING (key),
     (SELECT unnest(regexp_split_to_array(g.alias, '[;；、,，|/]')) AS name) u
WHERE trim(u.name) <> '';
UPDATE address_node AS n SET aliases = a.names
FROM (SELECT node_id, list(DISTINCT name ORDER BY name) AS names FROM address_name GROUP BY node_id) a WHERE a.node_id = n.node_id;
