-- What changes when places are computed anew: count and time of the anchors.
SELECT count(*), max(at_time) FROM anchor;
