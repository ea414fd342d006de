-- Decisions of the matcher (view matches): merges change the fate, all are kept with score and evidence. $dataset_id, $at_time: UTC.
UPDATE fate SET fate = 'merge', eid = m.eid::UUID FROM (SELECT key, eid FROM matches WHERE decision = 'merge') AS m
WHERE fate.key = m.key AND fate.fate = 'create';
INSERT INTO fusion SELECT $at_time, $dataset_id, key, eid::UUID, score, method, decision, evidence FROM matches;
