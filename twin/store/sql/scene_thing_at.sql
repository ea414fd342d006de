-- The thing in one row of entity, and whether it is a building that stands. $at: rowid.
SELECT eid::VARCHAR, collection IN ('buildings', 'building_parts') AND valid_to IS NULL AND lifecycle <> 'demolished'
FROM entity WHERE rowid BETWEEN $at AND $at;
