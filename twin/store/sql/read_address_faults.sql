-- What is wrong with the gazetteers that were loaded, by kind.
SELECT source, kind, "full", row_numbers, details, at_time FROM address_fault ORDER BY source, kind, "full"
