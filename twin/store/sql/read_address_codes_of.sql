-- Every code a node $node_id ever had, newest first.
SELECT code, scheme, edition, valid_from, valid_to FROM address_code WHERE node_id = $node_id
ORDER BY valid_to DESC NULLS FIRST, valid_from DESC, scheme DESC
