-- The address tree as it was at $moment (UTC): for each node the first rename and the first move after it say what was before.
WITH RECURSIVE then_ AS (
    SELECT n.*, coalesce(r.old_name, n.name) AS name_then, CASE WHEN m.seq IS NULL THEN n.parent_id ELSE m.old_parent END AS parent_then
    FROM address_node n
    LEFT JOIN (SELECT node_id, arg_min(old_name, (at_time, seq)) AS old_name FROM address_event
               WHERE event = 'rename' AND at_time > $moment GROUP BY node_id) r USING (node_id)
    LEFT JOIN (SELECT node_id, arg_min(old_parent, (at_time, seq)) AS old_parent, min(seq) AS seq FROM address_event
               WHERE event = 'move' AND at_time > $moment GROUP BY node_id) m USING (node_id)
    WHERE (n.valid_from IS NULL OR n.valid_from <= $moment) AND (n.valid_to IS NULL OR n.valid_to > $moment)),
down AS (
    SELECT node_id, name_then AS whole FROM then_ WHERE parent_then IS NULL
    UNION ALL
    SELECT t.node_id, d.whole || t.name_then FROM down d JOIN then_ t ON t.parent_then = d.node_id)
SELECT t.node_id, t.parent_then AS parent_id, t.level, t.name_then AS name, d.whole AS "full", t.code, t.lon, t.lat, t.z,
       t.eid::VARCHAR AS eid, t.key, t.building_key, CASE WHEN t.status = 'retired' AND t.valid_to IS NOT NULL THEN 'active' ELSE t.status END AS status
FROM then_ t JOIN down d USING (node_id) ORDER BY t.node_id;
