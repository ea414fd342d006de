-- Identifiers lead to a thing that is there or has successors.
SELECT a.scheme || ' ' || a.value AS what, e.eid IS NOT NULL OR l.from_eid IS NOT NULL AS ok
FROM alias a LEFT JOIN entity e USING (eid) LEFT JOIN (SELECT DISTINCT from_eid FROM lineage) l ON l.from_eid = a.eid
