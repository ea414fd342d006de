-- How many things match.
SELECT count(*) AS n FROM ({states}) e WHERE {conditions}
