-- Cells of the map and the shapes in each whose place is sure. $step: degrees; $sure: least confidence of their source's CRS.
WITH boxes AS (
    SELECT floor(g.xmin / $step)::BIGINT AS c0, least(floor(g.xmax / $step), floor(g.xmin / $step) + 40)::BIGINT AS c1,
           floor(g.ymin / $step)::BIGINT AS r0, least(floor(g.ymax / $step), floor(g.ymin / $step) + 40)::BIGINT AS r1
    FROM geometry g JOIN dataset d USING (dataset_id) JOIN entity e USING (eid)
    WHERE g.wkb IS NOT NULL AND d.crs_confidence >= $sure AND e.valid_to IS NULL
      AND e.collection NOT IN ('point_clouds', 'rooms', 'elements', 'storeys', 'units')),
columns AS (SELECT unnest(range(c0, c1 + 1)) AS c, r0, r1 FROM boxes),
cells AS (SELECT c, unnest(range(r0, r1 + 1)) AS r FROM columns)
SELECT c, r, count(*) AS n FROM cells GROUP BY c, r ORDER BY c, r;
