-- Hours by which limits were moved (延期), and when. asked_case, $all as in clocks.sql.
SELECT case_id::VARCHAR AS id, at_time, (details ->> 'hours')::DOUBLE AS hours FROM case_event
WHERE event = 'grant' AND ($all OR case_id IN (SELECT id::UUID FROM asked_case));
