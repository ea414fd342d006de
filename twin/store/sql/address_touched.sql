-- Events after $seq, in order: seq, node_id, event.
SELECT seq, node_id, event FROM address_event WHERE seq > $seq ORDER BY seq
