-- What an index of the tree depends on: whole (another one after a load, a binding, a numbering), seq (of the last edit).
SELECT concat_ws('-', (SELECT coalesce(epoch_us(max(loaded_at)), 0) FROM dataset WHERE kind = 'addresses'),
                 (SELECT coalesce(epoch_us(max(at_time)), 0) FROM address_binding),
                 (SELECT max(value) FROM base_meta WHERE key = 'address_numbered')) AS whole,
       (SELECT coalesce(max(seq), 0) FROM address_event) AS seq
