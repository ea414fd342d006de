-- Before readings are taken: the rules that follow from the streams' thresholds.
-- Dead band: a tenth of the way from warning to alarm where both are set, else 2 % of the threshold. What people changed in a
-- rule (dead band, delays) stays; its threshold follows the stream, and a threshold taken away switches its rule off.
CREATE OR REPLACE TEMP TABLE derived_rule AS
SELECT key || '/' || level || '/' || comparison AS rule_id, stream_id, level, comparison, threshold,
    coalesce(abs(threshold - other) / 10, abs(threshold) / 50) AS dead_band
FROM (SELECT key, stream_id, 'warning' AS level, 'below' AS comparison, warn_low AS threshold, alarm_low AS other FROM datastream
      UNION ALL SELECT key, stream_id, 'warning', 'above', warn_high, alarm_high FROM datastream
      UNION ALL SELECT key, stream_id, 'alarm', 'below', alarm_low, warn_low FROM datastream
      UNION ALL SELECT key, stream_id, 'alarm', 'above', alarm_high, warn_high FROM datastream)
WHERE threshold IS NOT NULL;

UPDATE alarm_rule SET threshold = d.threshold
FROM derived_rule d WHERE d.rule_id = alarm_rule.rule_id AND d.threshold <> alarm_rule.threshold;

UPDATE alarm_rule SET enabled = false
WHERE enabled AND rule_id IN (SELECT key || '/' || level || '/' || comparison FROM datastream d WHERE d.stream_id = alarm_rule.stream_id)
    AND rule_id NOT IN (SELECT rule_id FROM derived_rule);

INSERT INTO alarm_rule
SELECT rule_id, stream_id, level, comparison, threshold, dead_band, 0, 0, true
FROM derived_rule d WHERE NOT EXISTS (FROM alarm_rule r WHERE r.rule_id = d.rule_id)
ORDER BY stream_id, rule_id;
