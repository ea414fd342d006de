-- Write the whole strings of nodes anew (incoming: node_id, whole).
UPDATE address_node AS n SET "full" = a.whole FROM incoming a WHERE a.node_id = n.node_id AND n."full" IS DISTINCT FROM a.whole
