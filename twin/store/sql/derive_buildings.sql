-- Buildings that no address names, with what their address attribute says and where they are (degrees).
SELECT e.eid::VARCHAR AS eid, e.name, nullif(trim(e.attributes ->> 'address'), '') AS address,
       (g.xmin + g.xmax) / 2 AS lon, (g.ymin + g.ymax) / 2 AS lat
FROM entity e LEFT JOIN (SELECT eid, min(xmin) AS xmin, max(xmax) AS xmax, min(ymin) AS ymin, max(ymax) AS ymax FROM geometry GROUP BY eid) g USING (eid)
WHERE e.collection = 'buildings' AND e.valid_to IS NULL
    AND NOT EXISTS (SELECT 1 FROM address_node n WHERE n.eid = e.eid AND n.valid_to IS NULL)
ORDER BY eid
