-- Things called $q (case does not matter): the name itself before names that begin with it before names that hold it.
SELECT eid::VARCHAR AS eid, CASE WHEN lower(name) = lower($q) THEN 'exact' WHEN starts_with(lower(name), lower($q)) THEN 'prefix'
       ELSE 'part' END AS how
FROM entity WHERE name IS NOT NULL AND contains(lower(name), lower($q)) AND (valid_to IS NULL OR valid_to > $valid_at)
ORDER BY CASE how WHEN 'exact' THEN 0 WHEN 'prefix' THEN 1 ELSE 2 END,
         coalesce(list_position(['buildings', 'bridges', 'pois', 'roads', 'water', 'green', 'subdistricts', 'communities'], collection), 99),
         length(name), name, eid
LIMIT $limit
