-- Outlines as in scene_outlines, of the buildings in $eids, none of which has a mesh of its own or below it; with their ids.
WITH asked AS (SELECT unnest($eids::UUID[]) AS eid),
best AS (
    SELECT min(CASE WHEN role = 'footprint' THEN rowid ELSE rowid + (1::BIGINT << 48) END) AS pick FROM geometry
    WHERE role IN ('footprint', 'area', 'solid') AND wkb IS NOT NULL AND eid IN (FROM asked) GROUP BY eid),
shape AS (SELECT rowid AS "row", eid, xmin, ymin, xmax, ymax FROM geometry
          WHERE eid IN (FROM asked) AND rowid IN (SELECT pick & ((1::BIGINT << 48) - 1) FROM best))
SELECT s.eid::VARCHAR AS eid, s."row", e.thing, a.ground_z AS base_z, s.xmin, s.ymin, s.xmax, s.ymax
FROM shape s
JOIN (SELECT rowid AS thing, eid FROM entity WHERE eid IN (FROM asked) AND collection IN ('buildings', 'building_parts')
      AND valid_to IS NULL AND lifecycle <> 'demolished') e ON e.eid = s.eid
LEFT JOIN (SELECT subject_id, ground_z FROM anchor WHERE subject_kind = 'entity'
           AND subject_id IN (SELECT eid::VARCHAR FROM asked)) a ON a.subject_id = s.eid::VARCHAR;
