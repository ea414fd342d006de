-- A new thing. $at_time: UTC.
INSERT INTO entity VALUES ($eid, $class_code, $edition, $collection, $name, $height_m, $floors, $attributes, $lifecycle,
                           $valid_from, $valid_to, $at_time, NULL, $dataset_id);
