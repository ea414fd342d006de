-- Main and auxiliary addresses: of several that name one building (its code, or the thing itself), the narrowest level is the main one.
UPDATE address_node AS n SET main_id = m.main_id FROM (
    SELECT node_id, CASE WHEN count(*) OVER w > 1 AND first_value(node_id) OVER w <> node_id THEN first_value(node_id) OVER w END AS main_id
    FROM (SELECT *, coalesce(eid::VARCHAR, building_key) AS thing FROM address_node
          WHERE level IN ('number', 'compound', 'building', 'poi') AND valid_to IS NULL) t
    WHERE thing IS NOT NULL
    WINDOW w AS (PARTITION BY thing ORDER BY CASE level WHEN 'building' THEN 0 WHEN 'number' THEN 1 WHEN 'compound' THEN 2 ELSE 3 END,
                 code NULLS LAST, node_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) m
WHERE m.node_id = n.node_id AND n.main_id IS DISTINCT FROM m.main_id;
