-- Rows of entity of $eids.
SELECT rowid FROM entity WHERE list_contains($eids::UUID[], eid);
