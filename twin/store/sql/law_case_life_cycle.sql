-- Every event of a case: whether it begins where the one before ended, the table of steps knows it, its role may take it, it has its reason, it
-- answers what stands, no step is taken too often; and the last one leads to the stage. What a table brought stands where the table says.
-- known_move (event, source, target, roles, needs_note, answers, most, pair): of twin.cases.stages, registered by the caller; pair: a step with its answers.
WITH joined AS (
    SELECT e.seq, e.case_id, e.event, e.from_stage, e.to_stage, e.role, e.note, k.event AS known, k.roles, coalesce(k.needs_note, false) AS needs_note, k.answers, k.most,
        coalesce(k.pair, e.event) AS pair
    FROM case_event e LEFT JOIN known_move k
        ON k.event = e.event AND k.source IS NOT DISTINCT FROM e.from_stage AND k.target = e.to_stage),
walked AS (
    SELECT *, lag(to_stage) OVER life AS before, lead(seq) OVER life IS NULL AS last,
        lag(event) OVER (PARTITION BY case_id, pair ORDER BY seq) AS standing, row_number() OVER (PARTITION BY case_id, event ORDER BY seq) AS nth
    FROM joined WINDOW life AS (PARTITION BY case_id ORDER BY seq))
SELECT w.case_id::VARCHAR || ' ' || event AS what,
    from_stage IS NOT DISTINCT FROM before
    AND (event = 'load' OR (known IS NOT NULL
        AND (roles IS NULL OR list_contains(roles, role))
        AND NOT (needs_note AND trim(coalesce(note, '')) = '')
        AND (answers IS NULL OR standing IS NOT DISTINCT FROM answers)
        AND (most IS NULL OR nth <= most)))
    AND (NOT last OR (c.stage IS NOT DISTINCT FROM to_stage
        AND (event = 'load' OR (c.closed_at IS NOT NULL) = (c.stage IN ('结案', '作废'))))) AS ok
FROM walked w LEFT JOIN case_file c USING (case_id)
UNION ALL SELECT c.case_id::VARCHAR || ' stage_since', coalesce(c.stage_since, c.reported_at) IS NOT DISTINCT FROM coalesce(e.since, c.reported_at)
FROM case_file c LEFT JOIN (
    SELECT case_id, to_stage, max(at_time) AS since FROM case_event
    WHERE from_stage IS DISTINCT FROM to_stage AND from_stage IS DISTINCT FROM '挂账' GROUP BY ALL) e ON e.case_id = c.case_id AND e.to_stage = c.stage
UNION ALL SELECT c.case_id::VARCHAR || ' has no events', false FROM case_file c ANTI JOIN case_event USING (case_id)
