-- Stage one batch (view incoming). The hash covers all that a record says; a record without a key gets one from it.
INSERT INTO staged
WITH hashed AS (
    SELECT *, md5(concat_ws(chr(31), coalesce(name, ''), coalesce(class_code, ''), coalesce(parent_key, ''), coalesce(relation, ''),
                  coalesce(attributes, ''), coalesce(aliases::VARCHAR, ''), coalesce(md5(wkb), ''), coalesce(mesh_digest, ''),
                  coalesce(list_transform(matrix, lambda v: round(v, 6))::VARCHAR, ''))) AS record_hash
    FROM incoming)
SELECT "row", coalesce(key, 'content:' || record_hash), name, class_code, edition, collection, parent_key, relation, aliases, attributes,
       role, lod, wkb, mesh_id, matrix, xmin, ymin, zmin, xmax, ymax, zmax, hilbert, record_hash
FROM hashed;
