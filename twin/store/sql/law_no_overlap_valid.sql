-- Valid time runs forward.
SELECT eid::VARCHAR AS what, coalesce(valid_from < valid_to, true) AS ok
FROM (SELECT eid, valid_from, valid_to FROM entity_history UNION ALL SELECT eid, valid_from, valid_to FROM entity)
UNION ALL SELECT scheme || ' ' || value, coalesce(valid_from <= valid_to, true) FROM alias
