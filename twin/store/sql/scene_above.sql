-- What ties $eids to other things: what they are part of, directly; '' for each that is part of one of them, or a mesh of one.
SELECT DISTINCT dst::VARCHAR FROM relation WHERE kind IN ('part_of', 'located_in') AND list_contains($eids::UUID[], src)
UNION ALL
SELECT '' FROM relation WHERE kind IN ('part_of', 'located_in') AND list_contains($eids::UUID[], dst)
UNION ALL
SELECT '' FROM geometry WHERE mesh_id IS NOT NULL AND list_contains($eids::UUID[], eid);
