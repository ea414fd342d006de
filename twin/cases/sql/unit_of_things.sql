-- Who is responsible for ($eid) or for the 管理部件 of type $code in a box (degrees; NULL: none of them): the thing, its middle, the unit and by what.
WITH about AS (
    SELECT e.eid, e.attributes, (g.xmin + g.xmax) / 2 AS lon, (g.ymin + g.ymax) / 2 AS lat, coalesce(e.eid = $eid::UUID, false) AS tied
    FROM geometry g JOIN entity e USING (eid)
    WHERE e.eid = $eid::UUID OR (e.collection = 'components' AND e.class_code = $code AND e.valid_to IS NULL
        AND g.xmax >= $west AND g.xmin <= $east AND g.ymax >= $south AND g.ymin <= $north))
SELECT a.eid::VARCHAR AS eid, a.lon, a.lat, a.tied, u.name AS unit, 'relation' AS "by"
FROM about a JOIN relation r ON r.dst = a.eid AND r.kind = 'responsible_for' AND r.valid_to IS NULL JOIN entity u ON u.eid = r.src
WHERE u.name IS NOT NULL
UNION ALL
SELECT eid::VARCHAR, lon, lat, tied, coalesce(attributes ->> '权属单位', attributes ->> 'owner') AS unit, 'owner' FROM about
WHERE coalesce(attributes ->> '权属单位', attributes ->> 'owner', '') <> ''
ORDER BY ALL;
