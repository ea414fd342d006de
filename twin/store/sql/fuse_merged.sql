-- Merged records beside what is known of their things, in the order of the source.
SELECT e.eid::VARCHAR AS eid, s.key, s.name, e.attributes::VARCHAR AS known, s.attributes AS offered
FROM fate f JOIN staged s USING (key) JOIN entity e ON e.eid = f.eid
WHERE f.fate = 'merge' ORDER BY s."row";
