-- Every event of an alarm: whether it begins where the one before ended and the life cycle knows the step; and its last one leads to its state.
-- known_step: (source, step, target) of twin.live.life_cycle, registered by the caller.
SELECT e.alarm_id::VARCHAR || ' ' || event AS what,
    from_state IS NOT DISTINCT FROM lag(to_state) OVER life AND k.step IS NOT NULL
        AND (lead(seq) OVER life IS NOT NULL OR a.state IS NOT DISTINCT FROM to_state) AS ok
FROM alarm_event e LEFT JOIN known_step k ON k.source IS NOT DISTINCT FROM from_state AND k.step = event AND k.target = to_state
LEFT JOIN alarm a USING (alarm_id)
WINDOW life AS (PARTITION BY e.alarm_id ORDER BY seq)
UNION ALL SELECT a.alarm_id::VARCHAR || ' has no events', false FROM alarm a ANTI JOIN alarm_event USING (alarm_id)
