-- The events that decide what is possible, of the cases in asked_case (id: UUID as text). $events: their names.
SELECT e.case_id::VARCHAR AS id, e.event, e.at_time, e.actor, e.note, e.details::VARCHAR AS details
FROM case_event e SEMI JOIN asked_case a ON e.case_id = a.id::UUID
WHERE list_contains($events::VARCHAR[], e.event) ORDER BY e.seq;
