-- Sizes of the main tables.
SELECT (SELECT count(*) FROM entity) AS entities, (SELECT count(*) FROM geometry) AS geometries, (SELECT count(*) FROM alias) AS aliases,
       (SELECT count(*) FROM relation) AS relations, (SELECT count(*) FROM address_node) AS address_nodes, (SELECT count(*) FROM datastream) AS datastreams,
       (SELECT count(*) FROM observation) AS observations, (SELECT count(*) FROM alarm) AS alarms, (SELECT count(*) FROM case_file) AS cases,
       (SELECT count(*) FROM quarantine) AS quarantined, (SELECT count(*) FROM conflict) AS conflicts, (SELECT count(*) FROM entity_history) AS past_states;
