-- Rows of the table (view good) whose code an earlier row has for another address.
SELECT "row", key, "full", first_row FROM (
    SELECT "row", key, "full", first_value("row") OVER w AS first_row, row_number() OVER w AS k
    FROM good WINDOW w AS (PARTITION BY key ORDER BY "row")) WHERE k > 1 ORDER BY "row";
