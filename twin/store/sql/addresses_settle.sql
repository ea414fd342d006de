-- Settle the nodes of one $level whose parents are settled: by the name now, else by a former name, else as new ones, under their own id
-- or, where that was used before, under another. Retired nodes are met by their id alone.
INSERT INTO settled
WITH here AS (
    SELECT g.node_id AS given_id, p.node_id AS parent_id, g.parent_id IS NULL AS root, g.core
    FROM given g LEFT JOIN settled p ON p.given_id = g.parent_id WHERE g.level = $level),
now AS (
    SELECT h.given_id, min(n.node_id) AS node_id FROM here h JOIN address_node n
        ON n.level = $level AND n.core = h.core AND n.parent_id IS NOT DISTINCT FROM h.parent_id AND n.valid_to IS NULL
    GROUP BY h.given_id),
former AS (
    SELECT h.given_id, min(n.node_id) AS node_id FROM here h JOIN address_name a ON a.core = h.core AND a.kind = 'former'
        JOIN address_node n ON n.node_id = a.node_id AND n.level = $level AND n.parent_id IS NOT DISTINCT FROM h.parent_id
    GROUP BY h.given_id),
gone AS (
    SELECT h.given_id, min(n.node_id) AS node_id FROM here h JOIN address_node n
        ON n.level = $level AND n.core = h.core AND n.parent_id IS NOT DISTINCT FROM h.parent_id AND n.valid_to IS NOT NULL
    GROUP BY h.given_id)
SELECT h.given_id,
       coalesce(w.node_id, f.node_id, g.node_id,
                CASE WHEN t.node_id IS NULL THEN h.given_id ELSE substr(md5(h.given_id || coalesce(h.parent_id, '') || h.core), 1, 16) END),
       w.node_id IS NULL AND f.node_id IS NOT NULL
FROM here h LEFT JOIN now w USING (given_id) LEFT JOIN former f USING (given_id) LEFT JOIN gone g USING (given_id)
    LEFT JOIN (SELECT DISTINCT node_id FROM address_node) t ON t.node_id = h.given_id;
