-- Representations that this source gave earlier to things it changes now. $source_key: the source.
DELETE FROM geometry WHERE eid IN (SELECT eid FROM fate WHERE fate = 'change')
    AND dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $source_key);
