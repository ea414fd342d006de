-- Box of each collection: degrees (EPSG:4490), metres above the ellipsoid; null where nothing has a place.
SELECT e.collection, min(g.xmin) AS xmin, min(g.ymin) AS ymin, max(g.xmax) AS xmax, max(g.ymax) AS ymax,
       min(g.zmin) AS zmin, max(g.zmax) AS zmax
FROM entity e JOIN geometry g USING (eid)
WHERE e.known_to IS NULL AND (e.valid_to IS NULL OR e.valid_to > $valid_at)
GROUP BY e.collection
