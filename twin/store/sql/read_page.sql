-- One page of things in the order of their ids, each with its best representation on the map
-- (a shape before none, footprint before area, centreline, point, solid, mesh; lowest level of detail first).
WITH page AS MATERIALIZED (SELECT e.* FROM ({states}) e WHERE {conditions} ORDER BY e.eid LIMIT $limit OFFSET $offset),
shape AS (
    SELECT g.* FROM geometry g WHERE g.eid IN (SELECT eid FROM page)
    QUALIFY row_number() OVER (PARTITION BY g.eid ORDER BY g.wkb IS NULL, coalesce(list_position(
        ['footprint', 'area', 'centreline', 'point', 'solid', 'mesh'], g.role), 9), g.lod, g.gid) = 1)
SELECT p.eid::VARCHAR AS eid, p.class_code, p.edition, p.collection, p.name, p.height_m, p.floors, p.attributes, p.lifecycle,
       p.valid_from, p.valid_to, p.known_from, p.known_to, s.wkb, s.role, s.lod, s.xmin, s.ymin, s.xmax, s.ymax, s.zmin, s.zmax
FROM page p LEFT JOIN shape s USING (eid) ORDER BY p.eid
