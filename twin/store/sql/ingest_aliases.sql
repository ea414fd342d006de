-- Identifiers of created, merged and changed things; one that another thing holds already is left with it.
-- $scheme: the source's own key scheme; $dataset_id; $at_time: UTC.
INSERT INTO alias
WITH offered AS (
    SELECT $scheme AS scheme, s.key AS value, f.eid FROM staged s JOIN fate f USING (key) WHERE f.fate <> 'unchanged'
    UNION ALL
    SELECT u.al.scheme, u.al.value, f.eid FROM staged s JOIN fate f USING (key), unnest(s.aliases) AS u(al) WHERE f.fate <> 'unchanged')
SELECT o.scheme, o.value, min(o.eid), $at_time, NULL, $dataset_id
FROM offered o ANTI JOIN alias a ON a.scheme = o.scheme AND a.value = o.value AND a.valid_to IS NULL
WHERE o.value IS NOT NULL GROUP BY o.scheme, o.value;
