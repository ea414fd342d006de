-- Whether any of $eids has a mesh or is part of something, or something of it.
SELECT EXISTS (SELECT 1 FROM relation WHERE kind IN ('part_of', 'located_in') AND (list_contains($eids::UUID[], dst) OR list_contains($eids::UUID[], src)))
    OR EXISTS (SELECT 1 FROM geometry WHERE mesh_id IS NOT NULL AND list_contains($eids::UUID[], eid));
