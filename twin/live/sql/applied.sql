-- Notes that the alarms in the base follow from every frame of the log before $frame.
DELETE FROM base_meta WHERE key = 'live_applied';

INSERT INTO base_meta VALUES ('live_applied', $frame);
