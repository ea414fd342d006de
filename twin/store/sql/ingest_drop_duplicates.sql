-- Keep the first record of each key.
DELETE FROM staged WHERE "row" IN (
    SELECT "row" FROM (SELECT "row", row_number() OVER (PARTITION BY key ORDER BY "row") AS k FROM staged) WHERE k > 1);
