-- Write merged attributes (view merged) and conflicts (view conflicts). $dataset_id, $at_time: UTC.
INSERT INTO entity_history
SELECT e.* REPLACE ($at_time AS known_to) FROM entity e JOIN merged m ON e.eid = m.eid::UUID
WHERE json(m.merged) <> json(m.known) OR (e.name IS NULL AND m.name IS NOT NULL);
UPDATE entity AS e SET
    attributes = m.merged::JSON, name = coalesce(e.name, m.name),
    height_m = coalesce(e.height_m, try_cast(m.merged ->> 'height_m' AS DOUBLE)),
    floors = coalesce(e.floors, try_cast(try_cast(m.merged ->> 'floors' AS DOUBLE) AS INTEGER)),
    known_from = $at_time
FROM merged m WHERE e.eid = m.eid::UUID AND (json(m.merged) <> json(m.known) OR (e.name IS NULL AND m.name IS NOT NULL));
INSERT INTO conflict SELECT $at_time, eid::UUID, field, kept, offered, $dataset_id FROM conflicts;
