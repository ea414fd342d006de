-- States of a thing follow each other in known time.
SELECT eid::VARCHAR AS what, known_from <= coalesce(known_to, 'infinity'::TIMESTAMP) AND coalesce(known_to <= next_from, true) AS ok
FROM (SELECT eid, known_from, known_to, lead(known_from) OVER (PARTITION BY eid ORDER BY known_from, known_to NULLS LAST) AS next_from
      FROM (SELECT eid, known_from, known_to FROM entity_history UNION ALL SELECT eid, known_from, known_to FROM entity))
