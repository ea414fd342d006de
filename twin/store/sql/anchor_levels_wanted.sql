-- Representations without a CIM level, with what the level depends on.
SELECT g.gid::VARCHAR AS gid, g.role, g.lod, e.class_code, e.height_m, coalesce(s.n, 0)::DOUBLE AS storeys
FROM geometry g JOIN entity e USING (eid)
LEFT JOIN (SELECT r.dst AS eid, count(*) AS n FROM relation r JOIN entity c ON c.eid = r.src WHERE c.collection = 'storeys' GROUP BY r.dst) s
    ON s.eid = g.eid
WHERE g.cim_level IS NULL AND g.role <> 'none' ORDER BY g.gid;
