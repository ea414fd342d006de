-- Datasets that said something about one thing $eid.
SELECT DISTINCT d.dataset_id::VARCHAR AS dataset_id, d.source_key, d.layer, d.format, d.licence, d.crs_used, d.crs_why, d.loaded_at
FROM dataset d WHERE d.dataset_id IN (
    SELECT dataset_id FROM entity WHERE eid = $eid::UUID UNION SELECT dataset_id FROM entity_history WHERE eid = $eid::UUID
    UNION SELECT dataset_id FROM geometry WHERE eid = $eid::UUID UNION SELECT dataset_id FROM alias WHERE eid = $eid::UUID
    UNION SELECT dataset_id FROM fusion WHERE eid = $eid::UUID)
ORDER BY d.loaded_at, d.source_key
