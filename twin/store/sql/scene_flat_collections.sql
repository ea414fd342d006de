-- Collections that have shapes on the map.
SELECT DISTINCT e.collection FROM entity e JOIN geometry g USING (eid)
WHERE e.valid_to IS NULL AND g.wkb IS NOT NULL AND g.role IN ('footprint', 'area', 'centreline', 'point')
  AND g.lod IS DISTINCT FROM 'lifted' AND e.collection IS NOT NULL
ORDER BY e.collection;
