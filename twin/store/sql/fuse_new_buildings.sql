-- Buildings of the staged layer that no earlier delivery had, with their outline, height, name and building code.
SELECT s.key, any_value(coalesce(CASE WHEN s.role = 'footprint' THEN s.wkb END, x.wkb, s.wkb)) AS wkb,
       any_value(try_cast(s.attributes ->> 'height_m' AS DOUBLE)) AS height_m, any_value(s.name) AS name,
       any_value(list_filter(s.aliases, lambda a: a.scheme = 'building.code')[1].value) AS code
FROM staged s JOIN fate f USING (key)
LEFT JOIN staged_extra x ON x.key = s.key AND x.role = 'footprint'
WHERE f.fate = 'create' AND s.collection IN ('buildings', 'bridges')
GROUP BY s.key
HAVING any_value(coalesce(CASE WHEN s.role = 'footprint' THEN s.wkb END, x.wkb, s.wkb)) IS NOT NULL
ORDER BY s.key;
