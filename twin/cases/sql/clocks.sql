-- When each case came to its stage; coming back from 挂账 is no arrival. asked_case (id: UUID as text), or $all whose stage is not in $closed.
SELECT c.case_id::VARCHAR AS id, c.stage, c.code, c.urgency, c.reported_at, coalesce(
    (SELECT max(e.at_time) FROM case_event e
     WHERE e.case_id = c.case_id AND e.to_stage = c.stage AND e.from_stage IS DISTINCT FROM e.to_stage
         AND e.from_stage IS DISTINCT FROM '挂账'), c.reported_at) AS since
FROM case_file c
WHERE CASE WHEN $all THEN NOT list_contains($closed::VARCHAR[], c.stage) ELSE c.case_id IN (SELECT id::UUID FROM asked_case) END
ORDER BY id;
