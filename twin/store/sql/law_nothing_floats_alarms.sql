-- Alarms stand where their stream stands.
SELECT al.alarm_id::VARCHAR AS what, bool_or(a.lon IS NOT NULL OR length(a.reason) > 0) AS ok
FROM alarm al LEFT JOIN anchor a ON (a.subject_kind = 'datastream' AND a.subject_id = al.stream_id::VARCHAR)
    OR (a.subject_kind = 'alarm' AND a.subject_id = al.alarm_id::VARCHAR)
GROUP BY al.alarm_id
