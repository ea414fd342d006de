-- The whole tree, retired nodes too, as codes are given by it.
SELECT node_id, parent_id, level, name, lon, lat, z, code, coordinate_code FROM address_node ORDER BY node_id;
