-- Further identifiers of new things (incoming); one that another thing holds already is left with it. $dataset_id; $at_time: UTC.
INSERT INTO alias
WITH offered AS (SELECT al.scheme AS scheme, al.value AS value, eid FROM (SELECT eid, unnest(aliases) AS al FROM incoming))
SELECT o.scheme, o.value, min(o.eid), $at_time, NULL, $dataset_id
FROM offered o ANTI JOIN alias a ON a.scheme = o.scheme AND a.value = o.value AND a.valid_to IS NULL
WHERE o.value IS NOT NULL GROUP BY o.scheme, o.value;
