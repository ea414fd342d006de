-- Keep what is wrong with a gazetteer table (view faults: kind, full, row_numbers, details). $source_key, $dataset_id, $at_time.
INSERT INTO address_fault
SELECT $dataset_id, $source_key, f.kind, f."full", f.row_numbers, f.details, $at_time FROM faults f;
