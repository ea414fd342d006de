-- `address_codes_write` for one node $node_id: $code, $coordinate_code, $edition, $at_time.
UPDATE address_code SET valid_to = $at_time
WHERE node_id = $node_id AND valid_to IS NULL AND code IS DISTINCT FROM CASE scheme WHEN 'zoned' THEN $code ELSE $coordinate_code END;
INSERT INTO address_code
SELECT f.code, f.scheme, f.edition, $node_id, $at_time, NULL
FROM (VALUES ($code::VARCHAR, 'zoned', $edition::VARCHAR), ($coordinate_code::VARCHAR, 'coordinate', 'geohash')) f(code, scheme, edition)
WHERE f.code IS NOT NULL AND (f.code, f.scheme) NOT IN (
    SELECT (o.code, o.scheme) FROM address_code o WHERE o.node_id = $node_id AND o.valid_to IS NULL);
UPDATE address_node SET code = $code, coordinate_code = $coordinate_code WHERE node_id = $node_id;
