-- Nodes that the edits after $seq touched, and what happened to each.
SELECT node_id, list(DISTINCT event ORDER BY event) AS events FROM address_event WHERE seq > $seq GROUP BY node_id ORDER BY node_id
