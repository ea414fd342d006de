-- Stage relations of one batch (view incoming).
INSERT INTO staged_link SELECT key, kind, target_key FROM incoming;
