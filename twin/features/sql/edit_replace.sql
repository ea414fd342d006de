-- The new state of a thing. $at_time: UTC.
UPDATE entity SET class_code = $class_code, edition = $edition, name = $name, height_m = $height_m, floors = $floors,
    attributes = $attributes, lifecycle = $lifecycle, valid_from = $valid_from, valid_to = $valid_to, known_from = $at_time,
    dataset_id = $dataset_id
WHERE eid = $eid::UUID;
