-- Enabled rules of known streams: those of readings by stream and id, compound ones last.
SELECT rule_id, stream_id, version, kind, name, level, coalesce(comparison, 'above') AS comparison, coalesce(threshold, 0) AS threshold,
    coalesce(dead_band, 0) AS dead_band, coalesce(on_delay_s, 0) AS on_delay_s, coalesce(off_delay_s, 0) AS off_delay_s,
    in_force::VARCHAR AS in_force, coalesce(latched, false) AS latched, suppressed_by, need, members::VARCHAR AS members, valid_from
FROM alarm_rule SEMI JOIN datastream USING (stream_id)
WHERE enabled AND (kind = 'compound' OR isfinite(threshold))
ORDER BY kind = 'compound', stream_id, rule_id;
