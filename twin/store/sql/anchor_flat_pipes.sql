-- Pipes whose source gave no heights, with the cover depth of their axis (metres; 1 m where unknown).
SELECT e.eid::VARCHAR AS eid, any_value(g.wkb) AS wkb, coalesce(try_cast(any_value(e.attributes ->> 'depth_m') AS DOUBLE), 1.0) AS depth_m
FROM entity e JOIN geometry g USING (eid)
WHERE e.collection = 'pipes' AND g.wkb IS NOT NULL AND g.zmin IS NULL
GROUP BY e.eid ORDER BY e.eid;
