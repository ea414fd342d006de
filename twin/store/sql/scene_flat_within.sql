-- Things of one collection whose shapes meet a box. $collection; $west, $south, $east, $north: degrees.
WITH here AS MATERIALIZED (
    SELECT DISTINCT eid FROM geometry
    WHERE xmin <= $east AND xmax >= $west AND ymin <= $north AND ymax >= $south AND wkb IS NOT NULL)
SELECT e.eid::VARCHAR AS eid, e.class_code, e.name, g.wkb, e.attributes::VARCHAR AS attributes, e.height_m, e.floors
FROM entity e JOIN here USING (eid) JOIN geometry g USING (eid)
WHERE e.collection = $collection AND e.valid_to IS NULL
  AND g.wkb IS NOT NULL AND g.role IN ('footprint', 'area', 'centreline', 'point') AND g.lod IS DISTINCT FROM 'lifted'
QUALIFY row_number() OVER (PARTITION BY g.eid ORDER BY list_position(['footprint', 'area', 'centreline', 'point'], g.role), g.lod, g.gid) = 1
ORDER BY e.eid;
