-- The incoming nodes (view given) under their settled ids, each once.
SELECT g.* REPLACE (s.node_id AS node_id, p.node_id AS parent_id), s.kept
FROM given g JOIN settled s ON s.given_id = g.node_id LEFT JOIN settled p ON p.given_id = g.parent_id
QUALIFY row_number() OVER (PARTITION BY s.node_id ORDER BY s.kept, g.key NULLS LAST, g.node_id) = 1;
