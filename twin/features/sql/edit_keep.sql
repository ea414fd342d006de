-- Keep the present state of a thing about to change. $at_time: UTC.
INSERT INTO entity_history SELECT e.* REPLACE ($at_time AS known_to) FROM entity e WHERE e.eid = $eid::UUID;
