-- Staged records that would become new things, with class, name, tag and where their shape stands.
SELECT s.key, concat_ws('|', s.class_code, s.attributes ->> 'ifc_class') AS kind, s.name, s.attributes ->> 'tag' AS tag, s.mesh_id,
       s.xmin, s.ymin, s.zmin, s.xmax, s.ymax, s.zmax
FROM staged s JOIN fate f USING (key) WHERE f.fate = 'create' ORDER BY s."row";
