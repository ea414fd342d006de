-- Pipes with a 3D axis.
SELECT e.eid::VARCHAR AS eid, e.class_code, e.name, try_cast(e.attributes ->> 'diameter_mm' AS DOUBLE) AS diameter_mm, g.wkb
FROM entity e JOIN geometry g USING (eid)
WHERE e.collection = 'pipes' AND g.zmin IS NOT NULL AND g.wkb IS NOT NULL AND e.valid_to IS NULL
ORDER BY g.hilbert, e.eid;
