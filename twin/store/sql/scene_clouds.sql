-- Point clouds with the asset that holds their points; one delivered twice is there once.
SELECT DISTINCT ON (c.asset) e.eid::VARCHAR AS eid, e.name, c.asset
FROM entity e JOIN cloud_asset c ON c.asset = (e.attributes ->> 'asset')
WHERE e.collection = 'point_clouds' AND e.valid_to IS NULL
ORDER BY c.asset, e.eid;
