-- Every state of one thing $eid the base has ever held, newest knowledge first.
SELECT s.eid::VARCHAR AS eid, s.class_code, s.edition, s.collection, s.name, s.height_m, s.floors, s.attributes, s.lifecycle,
       s.valid_from, s.valid_to, s.known_from, s.known_to, s.dataset_id::VARCHAR AS dataset_id, d.source_key AS source, s.is_current
FROM (SELECT *, true AS is_current FROM entity WHERE eid = $eid::UUID
      UNION ALL BY NAME SELECT *, false AS is_current FROM entity_history WHERE eid = $eid::UUID) s
LEFT JOIN dataset d USING (dataset_id)
ORDER BY s.known_from DESC NULLS LAST, s.valid_from DESC NULLS LAST
