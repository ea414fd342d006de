-- Boxes are boxes, on the Earth, with a sensible height.
SELECT gid::VARCHAR AS what, xmin <= xmax AND ymin <= ymax AND xmin BETWEEN -180 AND 180 AND ymin BETWEEN -90 AND 90
       AND coalesce(zmin <= zmax AND zmin BETWEEN -12000 AND 9500, true) AS ok
FROM geometry
