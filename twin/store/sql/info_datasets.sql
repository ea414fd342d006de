-- Loads, newest last.
SELECT source_key, path, layer, format, kind, crs_found, crs_used, crs_why, crs_confidence, encoding, n_in, n_loaded, n_changed, n_merged, n_unchanged,
       n_quarantined, n_repaired, n_gone, loaded_at, seconds FROM dataset ORDER BY loaded_at, source_key;
