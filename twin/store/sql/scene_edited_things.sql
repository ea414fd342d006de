-- scene_building_things, with whether a building stands for rows in $own, else null.
SELECT r, eid, class_code, name, height_m, floors, said[1] AS usage, coalesce(said[2], said[3], said[4]) AS roof_shape,
       TRY_CAST(coalesce(said[5], said[6]) AS DOUBLE) AS roof_height_m, stands
FROM (SELECT rowid AS r, rowid, eid::VARCHAR AS eid, class_code, name, height_m, floors, CASE WHEN list_contains($own::BIGINT[], rowid) THEN
      collection IN ('buildings', 'building_parts') AND valid_to IS NULL AND lifecycle <> 'demolished' END AS stands, json_extract_string(attributes,
      ['$.usage', '$."roof:shape"', '$.roofType', '$.roof_shape', '$."roof:height"', '$.roof_height_m']) AS said FROM entity)
