-- Inside a load: its things, streams and cases wait for their places; until then this is the reason. $dataset_id; $at_time: UTC.
INSERT INTO anchor_pending VALUES ($dataset_id, $at_time, 'its place is not computed yet: the load that brought it was interrupted; load anything again to finish');
