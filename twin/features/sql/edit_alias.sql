-- The id a client gave a thing, where no other thing has it. $at_time: UTC.
INSERT INTO alias SELECT $scheme, $value, $eid, $at_time, NULL, $dataset_id
WHERE NOT EXISTS (FROM alias WHERE scheme = $scheme AND value = $value AND valid_to IS NULL);
