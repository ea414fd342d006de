-- Numbers that tell whether the base is alive (times UTC without a zone).
SELECT (SELECT count(*) FROM entity) AS entities, (SELECT count(*) FROM datastream) AS streams, (SELECT count(*) FROM case_file) AS cases,
       (SELECT count(*) FROM address_node) AS addresses, (SELECT count(*) FROM quarantine) AS quarantined,
       (SELECT max(phenomenon_time) FROM latest) AS newest_reading, (SELECT max(loaded_at) FROM dataset) AS loaded_at
