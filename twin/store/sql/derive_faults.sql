-- The report of what was derived: every address there from a thing of the base, every reason why buildings have none with
-- how many and the first twenty (view refused: eid, why). $at_time.
DELETE FROM address_fault WHERE source = 'derived';
INSERT INTO address_fault
SELECT NULL, 'derived', 'derived', n."full", [], json_object('level', n.level, 'told_by', substr(n.source, 10), 'zmin', n.zmin, 'zmax', n.zmax), $at_time
FROM address_node n WHERE n.source LIKE 'derived: %' AND n.valid_to IS NULL;
INSERT INTO address_fault
SELECT NULL, 'derived', 'unaddressed', min(name), [], json_object(
    'count', count(*), 'why', why, 'names', array_agg(name ORDER BY name, eid)[:20],
    'addresses', array_agg(address ORDER BY name, eid)[:20], 'eids', array_agg(eid ORDER BY name, eid)[:20]
), $at_time
FROM (
    SELECT r.eid, r.why, coalesce(e.name, r.eid) AS name, coalesce(json_extract_string(e.attributes, '$.address'), '') AS address
    FROM refused r JOIN entity e ON e.eid = r.eid::UUID
)
GROUP BY why;
