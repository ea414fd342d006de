-- What $eids are part of, directly.
SELECT DISTINCT dst::VARCHAR FROM relation WHERE kind IN ('part_of', 'located_in') AND list_contains($eids::UUID[], src);
