-- Records that could not be loaded (incoming: row_number, reason, record). $dataset_id; $source: key of the source; $at_time: UTC.
INSERT INTO quarantine SELECT $dataset_id, row_number, $source, reason, record, $at_time FROM incoming;
