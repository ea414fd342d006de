-- Why records of a load $id were not taken: reason, how many; the twenty most frequent.
SELECT reason, count(*) AS records FROM quarantine WHERE dataset_id = TRY_CAST($id::VARCHAR AS UUID)
GROUP BY reason ORDER BY records DESC, reason LIMIT 20;
