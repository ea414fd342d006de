-- The address of a thing: the node bound to it, else the nearest door within $reach degrees of latitude of ($lon, $lat).
-- $scale: cosine of the latitude. Distance in degrees, NULL for a bound node.
SELECT node_id, distance FROM (
    SELECT node_id, NULL AS distance, 0 AS rank FROM address_node WHERE eid = $eid::UUID
    UNION ALL
    SELECT node_id, sqrt(((lon - $lon) * $scale) ** 2 + (lat - $lat) ** 2) AS distance, 1 AS rank FROM address_node
    WHERE level IN ('number', 'building') AND lat BETWEEN $lat - $reach AND $lat + $reach
      AND lon BETWEEN $lon - $reach / $scale AND $lon + $reach / $scale AND coalesce(status, 'active') <> 'retired')
WHERE distance IS NULL OR distance <= $reach ORDER BY rank, distance, node_id LIMIT 1;
