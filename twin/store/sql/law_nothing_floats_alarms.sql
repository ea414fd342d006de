-- Alarms stand where their stream stands, or have an anchor of their own.
SELECT al.alarm_id::VARCHAR AS what, coalesce(s.lon IS NOT NULL OR length(s.reason) > 0, false) OR coalesce(o.lon IS NOT NULL OR length(o.reason) > 0, false) AS ok
FROM alarm al
LEFT JOIN anchor s ON s.subject_kind = 'datastream' AND s.subject_id = al.stream_id::VARCHAR
LEFT JOIN anchor o ON o.subject_kind = 'alarm' AND o.subject_id = al.alarm_id::VARCHAR
