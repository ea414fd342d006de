-- Cases of the type ($kind, $code) of $case (UUID as text), reported from $begin to $end (UTC), in a box (degrees) or, where there is no place, with
-- its $address text.
SELECT c.case_id::VARCHAR AS id, c.key, c.title, c.description, c.stage, c.reported_at, coalesce(c.lon, a.lon) AS lon, coalesce(c.lat, a.lat) AS lat,
    a.eid::VARCHAR AS eid
FROM case_file c LEFT JOIN anchor a ON a.subject_kind = 'case' AND a.subject_id = c.case_id::VARCHAR
WHERE c.case_id <> $case::UUID AND c.kind IS NOT DISTINCT FROM $kind AND c.code IS NOT DISTINCT FROM $code AND c.stage <> '作废'
    AND c.reported_at BETWEEN $begin AND $end
    AND ((coalesce(c.lon, a.lon) BETWEEN $west AND $east AND coalesce(c.lat, a.lat) BETWEEN $south AND $north)
        OR (($west::DOUBLE IS NULL OR coalesce(c.lon, a.lon) IS NULL) AND trim(c.address_text) <> '' AND trim(c.address_text) = trim($address)));
