-- Rooms of models with the building, unit and storey above them.
WITH RECURSIVE up AS (
    SELECT r.src AS eid, r.dst AS above, 1 AS depth FROM relation r JOIN entity e ON e.eid = r.src
    WHERE e.collection = 'rooms' AND r.kind IN ('part_of', 'located_in')
    UNION
    SELECT up.eid, r.dst, up.depth + 1 FROM up JOIN relation r ON r.src = up.above
    WHERE r.kind IN ('part_of', 'located_in') AND up.depth < 8),
home AS (
    SELECT up.eid, min(up.above) FILTER (WHERE e.collection = 'buildings') AS building, min(e.name) FILTER (WHERE e.collection = 'storeys') AS storey,
           min(e.name) FILTER (WHERE e.collection = 'units') AS unit
    FROM up JOIN entity e ON e.eid = up.above GROUP BY up.eid)
SELECT e.eid::VARCHAR AS eid, h.building::VARCHAR AS building_eid, min(a.value) AS building_key,
       coalesce(e.attributes ->> 'unit', h.unit) AS unit, coalesce(e.attributes ->> 'storey', h.storey) AS storey,
       try_cast(e.attributes ->> 'storey_number' AS BIGINT) AS storey_number,
       coalesce(e.attributes ->> 'number', e.name) AS number, e.attributes ->> 'usage' AS label, try_cast(e.attributes ->> 'elevation_m' AS DOUBLE) AS elevation
FROM entity e JOIN home h USING (eid)
LEFT JOIN alias a ON a.eid = h.building AND a.scheme = 'building.code' AND a.valid_to IS NULL
WHERE e.collection = 'rooms' GROUP BY ALL ORDER BY eid;
