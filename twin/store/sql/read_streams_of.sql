-- Datastreams tied to one thing $eid, or to a part of it, with their latest reading.
SELECT d.stream_id AS id, d.key, t.name, d.subject, d.property, d.unit, l.result AS value, l.state, l.phenomenon_time AS time,
       d.warn_low, d.warn_high, d.alarm_low, d.alarm_high
FROM datastream d JOIN thing t USING (thing_id) LEFT JOIN latest l USING (stream_id)
WHERE d.stream_id::VARCHAR IN (
    SELECT subject_id FROM anchor WHERE subject_kind = 'datastream' AND eid IN (
        SELECT $eid::UUID UNION SELECT src FROM relation WHERE dst = $eid::UUID AND kind IN ('part_of', 'located_in')))
ORDER BY d.subject, d.key LIMIT $limit
