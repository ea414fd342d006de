-- How many of the bindings (view bindings) the base does not have yet.
SELECT count(*) FROM bindings b JOIN address_node n USING (node_id) WHERE n.eid IS DISTINCT FROM b.eid::UUID;
