-- How many records earlier deliveries of $source_key had and this one has not.
SELECT count(*) FROM source_record r
WHERE r.source_key = $source_key AND r.subject_kind = 'entity' AND r.outcome <> 'gone' AND NOT EXISTS (SELECT 1 FROM staged s WHERE s.key = r.key);
