-- Things as they were at $valid_at, as the base knew them at $known_at. Times: UTC without a zone.
SELECT * FROM (SELECT * FROM entity UNION ALL BY NAME SELECT * FROM entity_history)
WHERE (known_from IS NULL OR known_from <= $known_at) AND (known_to IS NULL OR known_to > $known_at)
  AND (valid_from IS NULL OR valid_from <= $valid_at) AND (valid_to IS NULL OR valid_to > $valid_at)
QUALIFY row_number() OVER (PARTITION BY eid ORDER BY known_from DESC NULLS LAST) = 1
