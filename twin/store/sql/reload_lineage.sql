-- What old things became (view edges: from_eid, to_eid, kind, share of the old thing's area). $at_time: UTC.
INSERT INTO lineage SELECT from_eid::UUID, to_eid::UUID, kind, share, $at_time FROM edges
WHERE NOT EXISTS (SELECT 1 FROM lineage l WHERE l.from_eid = edges.from_eid::UUID AND l.to_eid = edges.to_eid::UUID AND l.kind = edges.kind);
