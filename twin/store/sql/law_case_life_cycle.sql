-- Stage of a case against its last event.
SELECT c.case_id::VARCHAR AS what, e.to_stage IS NOT DISTINCT FROM c.stage AS ok
FROM case_file c LEFT JOIN (SELECT case_id, arg_max(to_stage, seq) AS to_stage FROM case_event WHERE to_stage IS NOT NULL GROUP BY case_id) e USING (case_id)
