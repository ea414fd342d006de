-- Since when each case is at its stage. asked_case (id: UUID as text), or $all whose stage is not in $closed.
SELECT case_id::VARCHAR AS id, stage, code, urgency, reported_at, coalesce(stage_since, reported_at) AS since FROM case_file
WHERE CASE WHEN $all THEN NOT list_contains($closed::VARCHAR[], stage) ELSE case_id IN (SELECT id::UUID FROM asked_case) END;
