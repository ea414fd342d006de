-- Records whose key an earlier record of the layer has.
SELECT * FROM (
    SELECT "row", key, name, class_code, attributes,
           first_value("row") OVER w AS first_row, row_number() OVER w AS k
    FROM staged WINDOW w AS (PARTITION BY key ORDER BY "row"))
WHERE k > 1 ORDER BY "row";
