-- An event of a case. $case: UUID as text; $now: UTC; $details: JSON or NULL.
INSERT INTO case_event (case_id, at_time, event, from_stage, to_stage, actor, note, role, details)
VALUES ($case::UUID, $now, $event, $source, $target, $actor, $note, $role, $details::JSON);
