-- Parents of new things (rows incoming: src, dst, kind). $dataset_id; $at_time: UTC.
INSERT INTO relation SELECT src, dst, kind, NULL, $at_time, NULL, $dataset_id FROM incoming;
