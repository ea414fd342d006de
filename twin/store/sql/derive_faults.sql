-- The report of what was derived: every address there from a thing of the base, every building without one (view refused: eid, why). $at_time.
DELETE FROM address_fault WHERE source = 'derived';
INSERT INTO address_fault
SELECT NULL, 'derived', 'derived', n."full", [], json_object('level', n.level, 'told_by', substr(n.source, 10), 'zmin', n.zmin, 'zmax', n.zmax), $at_time
FROM address_node n WHERE n.source LIKE 'derived: %' AND n.valid_to IS NULL;
INSERT INTO address_fault
SELECT NULL, 'derived', 'unaddressed', coalesce(e.name, r.eid), [], json_object('eid', r.eid, 'why', r.why), $at_time
FROM refused r JOIN entity e ON e.eid = r.eid::UUID;
