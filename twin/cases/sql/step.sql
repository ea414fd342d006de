-- Where a case ($case: UUID as text) is after a step from $source to $stage at $now (UTC): when it was $closed (or NULL), and its $unit where
-- the step says one. Coming back from 挂账 is no arrival: it is there since it came before.
UPDATE case_file SET stage = $stage, closed_at = $closed, unit = coalesce($unit, unit), stage_since = CASE
    WHEN $source = $stage THEN stage_since
    WHEN $source = '挂账' THEN coalesce((SELECT max(at_time) FROM case_event e WHERE e.case_id = $case::UUID AND e.to_stage = $stage
        AND e.from_stage IS DISTINCT FROM e.to_stage AND e.from_stage IS DISTINCT FROM '挂账'), stage_since)
    ELSE $now::TIMESTAMP END
WHERE case_id = $case::UUID;
