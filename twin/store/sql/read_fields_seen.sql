-- Names of the attributes that some things of $collection carry, now or before. seen: eid.
SELECT DISTINCT unnest(json_keys(e.attributes)) AS field
FROM (SELECT eid, attributes FROM entity WHERE collection = $collection
      UNION ALL SELECT eid, attributes FROM entity_history WHERE collection = $collection) e
JOIN seen s ON e.eid = s.eid::UUID
