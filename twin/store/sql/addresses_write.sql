-- Write the nodes (view nodes, ids settled); what the base knows of them and the table does not is kept: bindings, names given by an
-- edit, retirement, codes. $source_key, $dataset_id.
CREATE OR REPLACE TEMP TABLE held AS SELECT * FROM address_node WHERE node_id IN (SELECT node_id FROM nodes);
DELETE FROM address_node WHERE node_id IN (SELECT node_id FROM nodes);
INSERT INTO address_node BY NAME
SELECT n.node_id, coalesce(n.parent_id, h.parent_id) AS parent_id, n.level,
       CASE WHEN n.kept THEN h.element_type ELSE n.element_type END AS element_type, CASE WHEN n.kept THEN h.name ELSE n.name END AS name,
       CASE WHEN n.kept THEN h.name_std ELSE n.name_std END AS name_std, CASE WHEN n.kept THEN h.core ELSE n.core END AS core, h.aliases,
       CASE WHEN n.kept THEN h.number_prefix ELSE n.number_prefix END AS number_prefix,
       CASE WHEN n.kept THEN h.number_core ELSE n.number_core END AS number_core,
       CASE WHEN n.kept THEN h.number_sub ELSE n.number_sub END AS number_sub,
       CASE WHEN n.kept THEN h.number_type ELSE n.number_type END AS number_type,
       n."full", h.code, h.coordinate_code, coalesce(n.lon, h.lon) AS lon, coalesce(n.lat, h.lat) AS lat, coalesce(n.z, h.z) AS z,
       h.zmin, h.zmax, h.eid, coalesce(n.key, h.key) AS key, coalesce(n.building_key, h.building_key) AS building_key,
       CASE WHEN h.valid_to IS NOT NULL THEN 'retired' WHEN n.key IS NULL THEN coalesce(h.status, n.status) ELSE n.status END AS status,
       h.main_id, h.replaced_by, h.valid_from, h.valid_to, coalesce(h.source, $source_key) AS source,
       CASE WHEN coalesce(n.lon, h.lon) IS NULL THEN 'unplaced' ELSE 'placed' END AS quality, $dataset_id::UUID AS dataset_id
FROM nodes n LEFT JOIN held h USING (node_id);
DELETE FROM source_record WHERE source_key = $source_key AND subject_kind = 'address'
    AND key IN (SELECT key FROM address_fate WHERE fate <> 'unchanged');
INSERT INTO source_record
SELECT $source_key, key, 'address', NULL, coalesce(node_id, ''), record_hash, fate, $dataset_id FROM address_fate WHERE fate <> 'unchanged';
DROP TABLE held;
