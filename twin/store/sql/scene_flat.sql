-- Things of one collection with their shape on the map. $collection.
SELECT e.eid::VARCHAR AS eid, e.class_code, e.name, g.wkb, e.attributes::VARCHAR AS attributes
FROM entity e JOIN geometry g USING (eid)
WHERE e.collection = $collection AND g.wkb IS NOT NULL AND g.lod IS DISTINCT FROM 'lifted' AND e.valid_to IS NULL
ORDER BY g.hilbert, e.eid;
