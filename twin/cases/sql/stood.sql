-- When cases stood still (挂账): begin and end of each time, until $now where one stands so yet. asked_case, $all, $closed as in clocks.sql.
WITH chosen AS (
    SELECT case_id FROM case_file
    WHERE CASE WHEN $all THEN NOT list_contains($closed::VARCHAR[], stage) ELSE case_id IN (SELECT id::UUID FROM asked_case) END
        AND case_id IN (SELECT case_id FROM case_event WHERE to_stage = '挂账')),
stepped AS (
    SELECT case_id, to_stage, at_time, lead(at_time) OVER (PARTITION BY case_id ORDER BY seq) AS ended
    FROM case_event WHERE case_id IN (FROM chosen) AND from_stage IS DISTINCT FROM to_stage)
SELECT case_id::VARCHAR AS id, at_time AS "begin", coalesce(ended, $now::TIMESTAMP) AS "end" FROM stepped WHERE to_stage = '挂账';
