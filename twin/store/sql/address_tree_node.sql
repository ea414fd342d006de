-- One node $id of the tree, as its code is given by it.
SELECT node_id, parent_id, level, name, lon, lat, z, code, coordinate_code FROM address_node WHERE node_id = $id
