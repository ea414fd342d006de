-- One more edit in the balance of the source that edits through the interface are. $dataset_id, $source_key, $at_time: UTC; $changed: 0 or 1.
INSERT INTO dataset (dataset_id, source_key, format, kind, crs_used, crs_why, n_in, n_loaded, n_changed, n_merged, n_unchanged,
                     n_quarantined, n_repaired, n_gone, findings, loaded_at, seconds)
SELECT $dataset_id, $source_key, 'GeoJSON', 'features', 'EPSG:4490', 'declared with each edit', 0, 0, 0, 0, 0, 0, 0, 0, [], $at_time, 0
WHERE NOT EXISTS (FROM dataset WHERE source_key = $source_key);
UPDATE dataset SET n_in = n_in + 1, n_loaded = n_loaded + 1, n_changed = n_changed + $changed, loaded_at = $at_time
WHERE source_key = $source_key;
SELECT dataset_id::VARCHAR FROM dataset WHERE source_key = $source_key;
