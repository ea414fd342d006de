-- How many things of each class there are at $valid_at (UTC without a zone).
SELECT collection, class_code, count(*) AS n, min(valid_from) AS since FROM entity
WHERE known_to IS NULL AND (valid_from IS NULL OR valid_from <= $valid_at) AND (valid_to IS NULL OR valid_to > $valid_at)
GROUP BY ALL ORDER BY ALL
