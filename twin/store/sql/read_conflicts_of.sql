-- Values about one thing $eid that were offered by a source and not taken.
SELECT c.at_time AS "at", c.field, c.kept, c.offered, d.source_key AS source
FROM conflict c LEFT JOIN dataset d USING (dataset_id) WHERE c.eid = $eid::UUID ORDER BY c.at_time, c.field LIMIT $limit
