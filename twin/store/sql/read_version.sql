-- Version of the base's content: grows with every change.
SELECT coalesce(max(seq), 0) AS version FROM change
