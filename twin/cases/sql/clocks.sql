-- When each case came to its stage; coming back from 挂账 is no arrival. $cases: UUIDs as text, NULL for all whose stage is not in $closed.
SELECT c.case_id::VARCHAR AS id, c.stage, c.code, c.reported_at, coalesce(
    (SELECT max(e.at_time) FROM case_event e
     WHERE e.case_id = c.case_id AND e.to_stage = c.stage AND e.from_stage IS DISTINCT FROM e.to_stage
         AND e.from_stage IS DISTINCT FROM '挂账'), c.reported_at) AS since
FROM case_file c
WHERE CASE WHEN $cases::VARCHAR[] IS NULL THEN NOT list_contains($closed::VARCHAR[], c.stage)
      ELSE c.case_id::VARCHAR IN (SELECT unnest($cases::VARCHAR[])) END
ORDER BY id;
