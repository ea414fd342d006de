-- Reasons of all quarantined records, and their number per load.
SELECT source || ' row ' || coalesce(row_number, -1) AS what, length(trim(reason)) > 0 AS ok FROM quarantine
UNION ALL
SELECT d.source_key, d.n_quarantined = count(q.dataset_id) FROM dataset d LEFT JOIN quarantine q USING (dataset_id) GROUP BY d.dataset_id, d.source_key, d.n_quarantined
