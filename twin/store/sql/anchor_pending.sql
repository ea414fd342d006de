-- Inside a load: list what has no anchor yet, with the reason, and note that places are to be computed. $at_time: UTC.
INSERT INTO anchor (subject_kind, subject_id, akind, method, confidence, reason, at_time)
SELECT s.kind, s.id, 'none', 'none', 0, 'its place is not computed yet: the load that brought it was interrupted; load anything again to finish', $at_time
FROM (SELECT 'entity' AS kind, eid::VARCHAR AS id FROM entity
      UNION ALL SELECT 'datastream', stream_id::VARCHAR FROM datastream
      UNION ALL SELECT 'case', case_id::VARCHAR FROM case_file) s
ANTI JOIN anchor a ON a.subject_kind = s.kind AND a.subject_id = s.id;
INSERT OR REPLACE INTO base_meta VALUES ('anchors_pending', 'yes');
