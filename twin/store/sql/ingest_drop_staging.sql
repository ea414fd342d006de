-- The layer is in the base; its temporary tables go.
DROP TABLE IF EXISTS staged;
DROP TABLE IF EXISTS staged_extra;
DROP TABLE IF EXISTS staged_link;
DROP TABLE IF EXISTS fate;
