-- Write the whole strings of the tree below the nodes in the list $roots anew: that of the parent, then the name.
CREATE OR REPLACE TEMP TABLE anew AS
WITH RECURSIVE down AS (
    SELECT n.node_id, coalesce(p."full", '') || n.name AS whole FROM address_node n LEFT JOIN address_node p ON p.node_id = n.parent_id
    WHERE n.node_id IN (SELECT unnest($roots::VARCHAR[]))
    UNION ALL
    SELECT n.node_id, d.whole || n.name FROM down d JOIN address_node n ON n.parent_id = d.node_id)
SELECT * FROM down;
UPDATE address_node AS n SET "full" = a.whole FROM anew a WHERE a.node_id = n.node_id AND n."full" IS DISTINCT FROM a.whole;
DROP TABLE anew;
