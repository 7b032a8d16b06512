-- +goose Up

-- The index has all columns, so that the identifiers of a SIM, or those of the whole
-- inventory by SIM, are read from the index without the table.
CREATE INDEX identifiers_of_sim ON identifiers (sim) INCLUDE (kind, identifier);
DROP INDEX identifiers_sim;
