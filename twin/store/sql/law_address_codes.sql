-- An address code names one node for ever; a node has one code of a scheme at a time; a serial stands once in its scope.
SELECT c.code AS what, count(DISTINCT node_id) = 1 AS ok FROM address_code c WHERE scheme = 'zoned' GROUP BY c.code
UNION ALL
SELECT node_id || ' ' || scheme, count(*) = 1 FROM address_code WHERE valid_to IS NULL GROUP BY node_id, scheme
UNION ALL
SELECT scope || ' ' || part || ' ' || serial, count(*) = 1 FROM address_serial GROUP BY scope, part, serial
