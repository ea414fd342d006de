-- Box of everything that has a place, degrees.
SELECT min(xmin) AS west, min(ymin) AS south, max(xmax) AS east, max(ymax) AS north FROM (
    SELECT xmin, ymin, xmax, ymax FROM geometry WHERE xmin IS NOT NULL
    UNION ALL SELECT xmin, ymin, xmax, ymax FROM raster);
