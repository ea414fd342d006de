-- Things that were so at any moment of [$since, $until], by present knowledge: their latest such state. UTC without a zone.
SELECT * FROM (SELECT * FROM entity UNION ALL BY NAME SELECT * FROM entity_history)
WHERE (valid_from IS NULL OR $until IS NULL OR valid_from <= $until) AND (valid_to IS NULL OR $since IS NULL OR valid_to > $since)
QUALIFY row_number() OVER (PARTITION BY eid ORDER BY valid_from DESC NULLS LAST, known_from DESC NULLS LAST) = 1
