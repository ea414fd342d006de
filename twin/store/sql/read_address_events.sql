-- Events of the address tree after $since (NULL: all), newest first; of one node where $node_id is given.
SELECT seq, at_time, known_at, event, node_id, into_ids, old_name, new_name, old_full, old_parent, new_parent, actor, note
FROM address_event
WHERE ($since::TIMESTAMP IS NULL OR at_time > $since) AND ($node_id::VARCHAR IS NULL OR node_id = $node_id OR list_contains(into_ids, $node_id))
ORDER BY at_time DESC, seq DESC
