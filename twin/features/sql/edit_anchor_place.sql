-- What the place of a thing is computed from: its best shape, the middle of its box, its foot, what it belongs to.
WITH best AS (
    SELECT arg_min(wkb, rank) AS wkb, arg_min(cx, rank) AS cx, arg_min(cy, rank) AS cy, min(zmin) AS zmin
    FROM (SELECT wkb, (xmin + xmax) / 2 AS cx, (ymin + ymax) / 2 AS cy, zmin,
                 CASE WHEN role IN ('footprint', 'area') AND wkb IS NOT NULL THEN 0 WHEN wkb IS NOT NULL THEN 1 ELSE 2 END
                 + CASE lod WHEN 'lifted' THEN 0.5 ELSE 0 END AS rank
          FROM geometry WHERE xmin IS NOT NULL AND eid = $eid::UUID)),
up AS (SELECT min(dst) AS parent FROM relation WHERE src = $eid::UUID AND kind IN ('part_of', 'located_in') AND valid_to IS NULL)
SELECT b.wkb, b.cx, b.cy, b.zmin, up.parent::VARCHAR AS parent FROM best b, up;
