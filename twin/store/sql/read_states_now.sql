-- Things as they are at $valid_at (now) and as the base knows them now. Times: UTC without a zone.
SELECT * FROM entity
WHERE known_to IS NULL AND (valid_from IS NULL OR valid_from <= $valid_at) AND (valid_to IS NULL OR valid_to > $valid_at)
