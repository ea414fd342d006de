-- A thing as it is ($eid, $collection, $now: UTC) with its best representation; none where it has ended.
SELECT e.eid::VARCHAR AS eid, e.class_code, e.name, e.height_m, e.floors, e.attributes, e.lifecycle, e.valid_from, e.valid_to, e.known_from,
       g.gid::VARCHAR AS gid, g.role, g.wkb
FROM entity e LEFT JOIN (
    SELECT * FROM geometry WHERE eid = $eid::UUID
    QUALIFY row_number() OVER (ORDER BY wkb IS NULL, coalesce(list_position(
        ['footprint', 'area', 'centreline', 'point', 'solid', 'mesh'], role), 9), lod, gid) = 1) g USING (eid)
WHERE e.eid = $eid::UUID AND e.collection = $collection AND e.known_to IS NULL
  AND (e.valid_from IS NULL OR e.valid_from <= $now) AND (e.valid_to IS NULL OR e.valid_to > $now);
