-- What the index depends on: grows with every load and every edit.
SELECT concat_ws('-', (SELECT count(*) FROM address_node), (SELECT coalesce(max(seq), 0) FROM address_event),
                 (SELECT coalesce(epoch_us(max(loaded_at)), 0) FROM dataset WHERE kind = 'addresses'),
                 (SELECT count(*) FROM address_node WHERE eid IS NOT NULL), (SELECT count(code) FROM address_node)) AS edition
