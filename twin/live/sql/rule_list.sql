-- Rules in force (and, with $rule, its ended versions), by stream. $rule, $stream (key), $subject, $kind, $enabled: NULL for any; $limit.
SELECT r.rule_id, d.key AS stream, r.stream_id, d.subject, d.property, r.version, r.name, r.kind, r.level, r.comparison, r.threshold,
    r.dead_band, r.on_delay_s, r.off_delay_s, r.in_force::VARCHAR AS in_force, r.latched, r.suppressed_by, r.need,
    r.members::VARCHAR AS members, r.enabled, r.origin, r.valid_from, r.valid_to, r.actor, r.note
FROM (SELECT *, NULL::TIMESTAMP AS valid_to FROM alarm_rule
      UNION ALL BY NAME FROM alarm_rule_history WHERE $rule::VARCHAR IS NOT NULL AND rule_id = $rule) r
JOIN datastream d USING (stream_id)
WHERE ($rule::VARCHAR IS NULL OR r.rule_id = $rule) AND ($stream::VARCHAR IS NULL OR d.key = $stream)
    AND ($subject::VARCHAR IS NULL OR d.subject = $subject) AND ($kind::VARCHAR IS NULL OR r.kind = $kind)
    AND ($enabled::BOOLEAN IS NULL OR r.enabled = $enabled)
ORDER BY d.stream_id, r.rule_id, r.version DESC LIMIT $limit;
