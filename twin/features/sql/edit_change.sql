-- The log of what changed, with the box of all representations, those just taken away ($xmin … $ymax, degrees) among them.
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id)
SELECT $at_time, $kind, 'entity', $eid, $collection, least(min(xmin), $xmin::DOUBLE), least(min(ymin), $ymin::DOUBLE),
       greatest(max(xmax), $xmax::DOUBLE), greatest(max(ymax), $ymax::DOUBLE), $dataset_id
FROM geometry WHERE eid = $eid::UUID;
