-- What moves the limits of cases: when they began (sign -1) and ceased (1) to stand still (挂账), and the hours that were granted (延期), when.
-- asked_case, $all as in clocks.sql.
SELECT case_id::VARCHAR AS id, at_time, CASE WHEN event = 'grant' THEN (details ->> 'hours')::DOUBLE ELSE 0 END AS hours,
    CASE WHEN event = 'grant' THEN 0 WHEN to_stage = '挂账' THEN -1 ELSE 1 END AS sign
FROM case_event
WHERE (event = 'grant' OR ((from_stage = '挂账' OR to_stage = '挂账') AND from_stage IS DISTINCT FROM to_stage))
    AND ($all OR case_id IN (SELECT id::UUID FROM asked_case));
