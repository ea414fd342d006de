-- Before readings are taken: the rules that follow from the streams' thresholds, and those of the starting set. $now: UTC.
-- starting_rule: twin/codes/alarm_rules.csv. Dead band where it says none: a tenth of the way from warning to alarm where both are
-- set, else 2 % of the threshold. What people changed in a rule (dead band, delays) stays; its threshold follows the stream, and a
-- threshold taken away switches its rule off. A change is a new version.
CREATE OR REPLACE TEMP TABLE derived_rule AS
SELECT d.key || '/' || d.level || '/' || d.comparison AS rule_id, d.stream_id, d.level, d.comparison, d.threshold,
    coalesce(s.dead_band, abs(d.threshold - other) / 10, abs(d.threshold) / 50) AS dead_band,
    coalesce(s.on_delay_s, 0) AS on_delay_s, coalesce(s.off_delay_s, 0) AS off_delay_s, coalesce(s.latched, false) AS latched
FROM (SELECT key, stream_id, subject, property, 'warning' AS level, 'below' AS comparison, warn_low AS threshold, alarm_low AS other FROM datastream
      UNION ALL SELECT key, stream_id, subject, property, 'warning', 'above', warn_high, alarm_high FROM datastream
      UNION ALL SELECT key, stream_id, subject, property, 'alarm', 'below', alarm_low, warn_low FROM datastream
      UNION ALL SELECT key, stream_id, subject, property, 'alarm', 'above', alarm_high, warn_high FROM datastream) d
LEFT JOIN starting_rule s ON s.kind = 'level' AND s.subject = d.subject AND s.property = d.property
    AND coalesce(s.level, d.level) = d.level AND coalesce(s.comparison, d.comparison) = d.comparison
WHERE d.threshold IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY d.key, d.level, d.comparison ORDER BY s.level NULLS LAST) = 1;

CREATE OR REPLACE TEMP TABLE moved_rule AS
SELECT r.rule_id, d.threshold, d.rule_id IS NOT NULL AND r.enabled AS enabled
FROM alarm_rule r LEFT JOIN derived_rule d USING (rule_id)
WHERE r.origin = 'threshold' AND (d.threshold <> r.threshold OR (d.rule_id IS NULL AND r.enabled));

INSERT INTO alarm_rule_history BY NAME
SELECT r.*, $now::TIMESTAMP AS valid_to FROM alarm_rule r SEMI JOIN moved_rule USING (rule_id);

UPDATE alarm_rule SET threshold = coalesce(m.threshold, alarm_rule.threshold), enabled = m.enabled, version = version + 1, valid_from = $now,
    actor = 'system', note = 'the threshold of the stream was changed'
FROM moved_rule m WHERE m.rule_id = alarm_rule.rule_id;

INSERT INTO alarm_rule BY NAME
SELECT rule_id, stream_id, level, comparison, threshold, dead_band, on_delay_s, off_delay_s, true AS enabled, 'level' AS kind, latched,
    'threshold' AS origin, $now::TIMESTAMP AS valid_from, 'system' AS actor
FROM derived_rule d WHERE NOT EXISTS (FROM alarm_rule r WHERE r.rule_id = d.rule_id)
ORDER BY stream_id, rule_id;

INSERT INTO alarm_rule BY NAME
SELECT d.key || '/' || s.kind || '/' || s.level || '/' || s.comparison AS rule_id, d.stream_id, s.level, s.comparison,
    CASE WHEN s.kind = 'stale' THEN s.threshold * d.interval_s ELSE s.threshold END AS threshold, coalesce(s.dead_band, 0) AS dead_band,
    coalesce(s.on_delay_s, 0) AS on_delay_s, coalesce(s.off_delay_s, 0) AS off_delay_s, s.enabled, s.kind, s.latched,
    'starting' AS origin, $now::TIMESTAMP AS valid_from, 'system' AS actor
FROM datastream d JOIN starting_rule s USING (subject, property)
WHERE s.kind <> 'level' AND (s.kind <> 'stale' OR d.interval_s > 0)
    AND NOT EXISTS (FROM alarm_rule r WHERE r.rule_id = d.key || '/' || s.kind || '/' || s.level || '/' || s.comparison)
    AND NOT EXISTS (FROM alarm_rule_history r WHERE r.rule_id = d.key || '/' || s.kind || '/' || s.level || '/' || s.comparison)
ORDER BY d.stream_id, rule_id;
