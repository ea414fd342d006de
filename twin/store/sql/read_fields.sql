-- Names of the attributes that the things of $collection carry.
SELECT DISTINCT unnest(json_keys(attributes)) AS field FROM entity WHERE collection = $collection ORDER BY field
