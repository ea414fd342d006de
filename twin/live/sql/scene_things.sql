-- Class code and collection of things. $eids: as text.
SELECT eid::VARCHAR AS eid, class_code, collection FROM entity WHERE eid IN (SELECT unnest($eids::UUID[]));
