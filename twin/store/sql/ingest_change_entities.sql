-- Things whose record changed; what other sources said about them stays. $dataset_id, $at_time: UTC.
UPDATE entity AS e SET
    class_code = s.class_code, edition = s.edition, collection = s.collection, name = coalesce(s.name, e.name),
    attributes = CASE WHEN f.n_sources = 1 THEN s.attributes::JSON ELSE json_merge_patch(e.attributes, s.attributes::JSON) END,
    height_m = coalesce(try_cast(s.attributes ->> 'height_m' AS DOUBLE), CASE WHEN f.n_sources > 1 THEN e.height_m END),
    floors = coalesce(try_cast(try_cast(s.attributes ->> 'floors' AS DOUBLE) AS INTEGER), CASE WHEN f.n_sources > 1 THEN e.floors END),
    valid_to = NULL, known_from = $at_time, dataset_id = $dataset_id
FROM (SELECT f.key, f.eid, (SELECT count(*) FROM source_record r WHERE r.eid = f.eid) AS n_sources
      FROM fate f WHERE f.fate = 'change') AS f
JOIN staged s ON s.key = f.key
WHERE e.eid = f.eid;
