-- Standard addresses that name one thing $eid; the shortest is the address of the whole.
SELECT node_id, level, "full", status FROM address_node WHERE eid = $eid::UUID ORDER BY length("full"), "full" LIMIT $limit
