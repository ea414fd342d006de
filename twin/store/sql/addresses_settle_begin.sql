-- Ids of incoming nodes (view given) as the base knows them: filled level by level.
CREATE OR REPLACE TEMP TABLE settled (given_id VARCHAR, node_id VARCHAR, kept BOOLEAN);
