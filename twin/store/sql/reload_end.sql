-- Things that a full delivery lacks have ended (view ended: eid). $source_key, $dataset_id, $at_time: UTC.
INSERT INTO entity_history
SELECT e.* REPLACE ($at_time AS known_to) FROM entity e JOIN ended x ON e.eid = x.eid::UUID WHERE e.valid_to IS NULL;
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id)
SELECT $at_time, 'end', 'entity', x.eid, e.collection, g.xmin, g.ymin, g.xmax, g.ymax, $dataset_id
FROM ended x JOIN entity e ON e.eid = x.eid::UUID
LEFT JOIN (SELECT eid, min(xmin) AS xmin, min(ymin) AS ymin, max(xmax) AS xmax, max(ymax) AS ymax FROM geometry GROUP BY eid) g
    ON g.eid = e.eid
WHERE e.valid_to IS NULL;
UPDATE entity SET valid_to = $at_time, known_from = $at_time FROM ended x WHERE entity.eid = x.eid::UUID AND entity.valid_to IS NULL;
