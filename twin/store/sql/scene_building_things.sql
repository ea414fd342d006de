-- What tiles say of buildings, by rows of entity (attributes are parsed once); Buildings.rows adds the range of rows it wants. Metres.
SELECT r, eid, class_code, name, height_m, floors, said[1] AS usage, coalesce(said[2], said[3], said[4]) AS roof_shape,
       TRY_CAST(coalesce(said[5], said[6]) AS DOUBLE) AS roof_height_m
FROM (SELECT rowid AS r, rowid, eid::VARCHAR AS eid, class_code, name, height_m, floors, json_extract_string(attributes,
      ['$.usage', '$."roof:shape"', '$.roofType', '$.roof_shape', '$."roof:height"', '$.roof_height_m']) AS said FROM entity)
