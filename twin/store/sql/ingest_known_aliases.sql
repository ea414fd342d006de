-- One row where an identifier of the things held (incoming: aliases) was issued already, else none.
SELECT 1 FROM (SELECT unnest(aliases) AS al FROM incoming WHERE aliases IS NOT NULL) h
JOIN alias a ON a.scheme = h.al.scheme AND a.value = h.al.value AND a.valid_to IS NULL LIMIT 1;
