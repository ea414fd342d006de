-- Another state of the whole tree: its codes and bindings were made anew. $stamp: random text.
INSERT OR REPLACE INTO base_meta VALUES ('address_numbered', $stamp);
