-- Things of one collection with their best shape on the map. $collection.
SELECT e.eid::VARCHAR AS eid, e.class_code, e.name, g.wkb, e.attributes::VARCHAR AS attributes, e.height_m, e.floors
FROM entity e JOIN geometry g USING (eid)
WHERE e.collection = $collection AND e.valid_to IS NULL
  AND g.wkb IS NOT NULL AND g.role IN ('footprint', 'area', 'centreline', 'point') AND g.lod IS DISTINCT FROM 'lifted'
QUALIFY row_number() OVER (PARTITION BY g.eid ORDER BY list_position(['footprint', 'area', 'centreline', 'point'], g.role), g.lod, g.gid) = 1
ORDER BY g.hilbert, e.eid;
