-- One row where a known building or bridge has a shape in the box $xmin … $ymax (degrees), else none.
SELECT 1 FROM geometry g JOIN entity e USING (eid)
WHERE e.collection IN ('buildings', 'bridges') AND g.wkb IS NOT NULL
  AND g.xmin <= $xmax AND g.xmax >= $xmin AND g.ymin <= $ymax AND g.ymax >= $ymin LIMIT 1;
