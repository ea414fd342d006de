-- Staged records that are new or change something known.
SELECT f.key, f.fate, f.eid::VARCHAR AS eid, s.name, s.class_code, s.collection, s.attributes, s.wkb
FROM fate f JOIN staged s ON s.key = f.key AND s."row" = f."row" WHERE f.fate IN ('create', 'change') ORDER BY f."row";
