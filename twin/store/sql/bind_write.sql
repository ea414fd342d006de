-- Write bindings (view bindings): the node names the thing, the thing has the address; what was not bound is listed with its reason.
-- $at_time: UTC, $dataset_id or NULL, $kind: of the things.
UPDATE address_node AS n SET eid = b.eid::UUID FROM bindings b WHERE n.node_id = b.node_id AND n.eid IS DISTINCT FROM b.eid::UUID;
INSERT INTO alias
SELECT 'address.node', b.node_id, b.eid::UUID, $at_time, NULL, $dataset_id
FROM bindings b WHERE b.node_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM alias a WHERE a.scheme = 'address.node' AND a.value = b.node_id AND a.valid_to IS NULL);
INSERT INTO fusion
SELECT $at_time, $dataset_id, b.node_id, b.eid::UUID, b.score, 'address', 'bound', json_object('evidence', b.evidence)
FROM bindings b WHERE b.node_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM address_binding o WHERE o.eid = b.eid::UUID AND o.node_id = b.node_id AND o.evidence = b.evidence);
DELETE FROM address_binding WHERE kind = $kind;
INSERT INTO address_binding
SELECT b.eid::UUID, b.node_id, $kind, b.score, b.evidence, $at_time FROM bindings b;
