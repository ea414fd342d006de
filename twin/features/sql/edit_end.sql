-- A thing ends. $at_time: UTC.
UPDATE entity SET valid_to = $at_time, known_from = $at_time WHERE eid = $eid::UUID;
