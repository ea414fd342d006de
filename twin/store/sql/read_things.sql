-- Things with their best representation on the map as in read_page, and their reach of heights (metres above the ellipsoid, null where
-- unknown; hilbert the greatest number where there is no place): from all their representations, else from their anchor and height_m where they have a footprint or a point.
WITH wanted AS {kept} (SELECT e.* FROM ({states}) e WHERE {conditions}),
shape AS (
    SELECT g.eid, g.wkb, g.role, g.lod, g.xmin, g.ymin, g.xmax, g.ymax, g.zmin, g.zmax, g.hilbert,
           min(g.zmin) OVER own AS own_foot, max(g.zmax) OVER own AS own_top, bool_or(g.role IN ('footprint', 'point')) OVER own AS stands
    FROM geometry g {of_wanted}
    WINDOW own AS (PARTITION BY g.eid)
    QUALIFY row_number() OVER (PARTITION BY g.eid ORDER BY g.wkb IS NULL, coalesce(list_position(
        ['footprint', 'area', 'centreline', 'point', 'solid', 'mesh'], g.role), 9), g.lod, g.gid) = 1),
tied AS (SELECT TRY_CAST(a.subject_id AS UUID) AS eid, arg_max(a.z, a.at_time) AS foot FROM anchor a
         WHERE a.subject_kind = 'entity' {tied_to_wanted} GROUP BY a.subject_id)
SELECT w.eid::VARCHAR AS eid, w.class_code, w.edition, w.name, w.height_m, w.floors, w.attributes, w.lifecycle, w.valid_from, w.valid_to,
       s.wkb, s.xmin, s.ymin, s.xmax, s.ymax, s.zmin, coalesce(s.hilbert, 9223372036854775807) AS hilbert,
       coalesce(s.own_foot, CASE WHEN s.stands THEN t.foot END) AS foot,
       greatest(s.own_top, coalesce(s.own_foot, CASE WHEN s.stands THEN t.foot END) + coalesce(w.height_m, 0)) AS top
FROM wanted w LEFT JOIN shape s USING (eid) LEFT JOIN tied t USING (eid)
{order}
