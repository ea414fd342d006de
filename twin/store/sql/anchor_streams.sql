-- Every datastream with its place, the entity it watches, and the address text of its device.
SELECT d.stream_id, d.lon, d.lat, d.z, coalesce(d.z_reference, 'ground') AS z_reference, min(a.eid)::VARCHAR AS host,
       coalesce(d.attributes ->> 'address', d.attributes ->> '安装地址', d.attributes ->> '安装位置', '') AS text
FROM datastream d
LEFT JOIN alias a ON a.value = d.host_value AND a.valid_to IS NULL AND (a.scheme = d.host_scheme OR d.host_scheme IS NULL)
GROUP BY ALL ORDER BY d.stream_id;
