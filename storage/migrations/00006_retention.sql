-- +goose Up

-- How far the addresses of callers have been erased from a table: up to and
-- including the row with this id.
CREATE TABLE erased_addresses (
    table_name text PRIMARY KEY,
    upto       bigint NOT NULL
);
INSERT INTO erased_addresses VALUES ('events', 0), ('audit', 0);
