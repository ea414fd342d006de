-- Every datastream with its place and the entity it watches.
SELECT d.stream_id, d.lon, d.lat, d.z, coalesce(d.z_reference, 'ground') AS z_reference, min(a.eid)::VARCHAR AS host
FROM datastream d
LEFT JOIN alias a ON a.value = d.host_value AND a.valid_to IS NULL AND (a.scheme = d.host_scheme OR d.host_scheme IS NULL)
GROUP BY ALL ORDER BY d.stream_id;
