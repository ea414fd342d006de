-- One thing per identifier at a time.
SELECT scheme || ' ' || value AS what, count(DISTINCT eid) = 1 AS ok FROM alias WHERE valid_to IS NULL GROUP BY scheme, value
