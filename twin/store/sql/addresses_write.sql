-- Write the nodes (view nodes); entities bound earlier stay bound. $source_key, $dataset_id.
CREATE OR REPLACE TEMP TABLE bound_before AS SELECT node_id, eid FROM address_node WHERE eid IS NOT NULL;
DELETE FROM address_node WHERE node_id IN (SELECT node_id FROM nodes);
INSERT INTO address_node
SELECT n.node_id, n.parent_id, n.level, n.name, n."full", n.code, n.lon, n.lat, n.z, b.eid, n.key, n.building_key, n.status, $dataset_id
FROM nodes n LEFT JOIN bound_before b USING (node_id);
DELETE FROM source_record WHERE source_key = $source_key AND subject_kind = 'address'
    AND key IN (SELECT key FROM address_fate WHERE fate <> 'unchanged');
INSERT INTO source_record
SELECT $source_key, key, 'address', NULL, coalesce(node_id, ''), record_hash, fate, $dataset_id FROM address_fate WHERE fate <> 'unchanged';
DROP TABLE bound_before;
