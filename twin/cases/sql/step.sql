-- Where a case ($case: UUID as text) is after a step: $stage, when it was $closed (UTC, or NULL), and its $unit where the step says one.
UPDATE case_file SET stage = $stage, closed_at = $closed, unit = coalesce($unit, unit) WHERE case_id = $case::UUID;
