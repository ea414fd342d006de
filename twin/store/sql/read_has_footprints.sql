-- One row where a building has a footprint, none else.
SELECT true FROM geometry g JOIN entity e USING (eid)
WHERE e.collection = 'buildings' AND g.role IN ('footprint', 'solid', 'area') AND g.wkb IS NOT NULL LIMIT 1;
