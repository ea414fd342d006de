-- Areas (wkb, degrees) of the things that have the code $code: an administrative unit or a cell of the grid.
SELECT g.wkb FROM entity e JOIN geometry g USING (eid)
WHERE e.known_to IS NULL AND e.valid_to IS NULL AND g.wkb IS NOT NULL AND g.role IN ('area', 'footprint')
  AND (e.attributes ->> 'code' = $code OR e.eid IN (SELECT eid FROM alias WHERE value = $code AND valid_to IS NULL))
