-- Write addresses that things of the base tell (view derived, with elements described); what was ever there under an id stays as it is.
INSERT INTO address_node BY NAME
SELECT d.* EXCLUDE (eid, evidence), d.eid::UUID AS eid, 'active' AS status, 'derived: ' || d.evidence AS source,
       CASE WHEN d.lon IS NULL THEN 'unplaced' ELSE 'placed' END AS quality
FROM derived d WHERE NOT EXISTS (SELECT 1 FROM address_node n WHERE n.node_id = d.node_id)
    AND (d.parent_id IS NULL OR EXISTS (SELECT 1 FROM address_node p WHERE p.node_id = d.parent_id AND p.valid_to IS NULL)
         OR d.parent_id IN (SELECT node_id FROM derived));
