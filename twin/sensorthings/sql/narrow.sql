-- The entities of some streams alone, for one cursor: views of its own stand before those of the base.
-- sta_shown (id): the datastreams; sta_placed (kind, id): locations and features that lie where they may be told.
CREATE TEMP VIEW sta_Datastreams AS FROM {base}.sta_Datastreams WHERE id IN (SELECT id FROM sta_shown);
CREATE TEMP VIEW sta_MultiDatastreams AS FROM {base}.sta_MultiDatastreams WHERE id IN (SELECT id FROM sta_shown);
CREATE TEMP VIEW sta_Things AS FROM {base}.sta_Things
WHERE id IN (SELECT thing FROM {base}.sta_datastream WHERE id IN (SELECT id FROM sta_shown));
CREATE TEMP VIEW sta_Sensors AS FROM {base}.sta_Sensors
WHERE id IN (SELECT sensor FROM {base}.sta_datastream WHERE id IN (SELECT id FROM sta_shown));
CREATE TEMP VIEW sta_ObservedProperties AS FROM {base}.sta_ObservedProperties
WHERE id IN (SELECT property FROM {base}.sta_datastream_property WHERE datastream IN (SELECT id FROM sta_shown));
CREATE TEMP VIEW sta_Locations AS FROM {base}.sta_Locations
WHERE id IN (SELECT id FROM sta_placed WHERE kind = 'location') AND id IN (
    SELECT location FROM {base}.sta_thing_location WHERE thing IN (SELECT id FROM sta_Things)
    UNION SELECT l.location FROM {base}.sta_history_location l JOIN {base}.sta_history h ON h.id = l.history
    WHERE h.thing IN (SELECT id FROM sta_Things));
CREATE TEMP VIEW sta_HistoricalLocations AS FROM {base}.sta_HistoricalLocations
WHERE _thing IN (SELECT id FROM sta_Things)
    AND id IN (SELECT history FROM {base}.sta_history_location WHERE location IN (SELECT id FROM sta_Locations));
CREATE TEMP VIEW sta_observation AS FROM {base}.sta_observation WHERE datastream IN (SELECT id FROM sta_shown);
CREATE TEMP VIEW sta_FeaturesOfInterest AS FROM {base}.sta_FeaturesOfInterest
WHERE id IN (SELECT id FROM sta_placed WHERE kind = 'feature') AND id IN (
    SELECT feature FROM {base}.sta_datastream WHERE id IN (SELECT id FROM sta_shown)
    UNION SELECT feature FROM {base}.sta_remark WHERE datastream IN (SELECT id FROM sta_shown)
    UNION SELECT feature FROM sta_observation);
