-- Height range of nodes from the things they name, and of floors and units from what lies below them (metres above the ellipsoid).
UPDATE address_node AS n SET zmin = g.zmin, zmax = g.zmax
FROM (SELECT eid, min(zmin) AS zmin, max(zmax) AS zmax FROM geometry WHERE zmin IS NOT NULL AND zmax IS NOT NULL GROUP BY eid) g
WHERE g.eid = n.eid AND (n.zmin IS DISTINCT FROM g.zmin OR n.zmax IS DISTINCT FROM g.zmax);
UPDATE address_node AS n SET zmin = b.zmin, zmax = b.zmax
FROM (SELECT parent_id, min(zmin) AS zmin, max(zmax) AS zmax FROM address_node
      WHERE level = 'room' AND zmin IS NOT NULL AND zmax > zmin GROUP BY parent_id) b
WHERE n.level = 'floor' AND n.eid IS NULL AND b.parent_id = n.node_id
  AND (n.zmin IS DISTINCT FROM b.zmin OR n.zmax IS DISTINCT FROM b.zmax);
