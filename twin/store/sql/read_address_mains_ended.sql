-- How many addresses have a main address that is no more.
SELECT count(*) FROM address_node n JOIN address_node m ON m.node_id = n.main_id WHERE n.valid_to IS NULL AND m.valid_to IS NOT NULL
