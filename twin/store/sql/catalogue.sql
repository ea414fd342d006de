-- Loads, newest first, with what each fed: collection, things whose state now is of it, changes it made. $id: one of them, or NULL for all.
-- $chosen: ids, or NULL for all. $limit, $start: a page.
WITH now AS (SELECT dataset_id, collection, count(*) AS things FROM entity
        WHERE valid_to IS NULL AND ($id::VARCHAR IS NULL OR dataset_id = TRY_CAST($id::VARCHAR AS UUID)) GROUP BY ALL),
made AS (SELECT dataset_id, collection, count(*) AS changes FROM change
         WHERE dataset_id IS NOT NULL AND collection IS NOT NULL
           AND ($id::VARCHAR IS NULL OR dataset_id = TRY_CAST($id::VARCHAR AS UUID)) GROUP BY ALL),
fed AS (
    SELECT dataset_id, list({'collection': collection, 'things': coalesce(things, 0), 'changes': coalesce(changes, 0)} ORDER BY collection) AS fed
    FROM now FULL JOIN made USING (dataset_id, collection) GROUP BY dataset_id)
SELECT d.dataset_id::VARCHAR AS dataset_id, d.source_key, d.path, d.layer, d.format, d.kind, d.sha256, d.licence, d.encoding,
       d.crs_found, d.crs_used, d.crs_why, d.crs_confidence, d.z_reference,
       d.n_in, d.n_loaded, d.n_changed, d.n_merged, d.n_unchanged, d.n_quarantined, d.n_repaired, d.n_gone,
       d.findings, d.loaded_at, d.seconds, coalesce(f.fed, []) AS fed
FROM dataset d LEFT JOIN fed f USING (dataset_id)
WHERE ($id::VARCHAR IS NULL OR d.dataset_id = TRY_CAST($id::VARCHAR AS UUID))
  AND ($chosen::VARCHAR[] IS NULL OR list_contains($chosen::VARCHAR[], d.dataset_id::VARCHAR))
ORDER BY d.loaded_at DESC, d.source_key, d.dataset_id LIMIT $limit OFFSET $start;
