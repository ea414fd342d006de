-- Other identifiers of one thing $eid.
SELECT scheme, value, valid_from, valid_to FROM alias WHERE eid = $eid::UUID ORDER BY scheme, value
