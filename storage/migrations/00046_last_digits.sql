-- +goose Up

-- SIMs are looked up by the last digits of an identifier, six or more. The index has the
-- last six, and the rest is compared in the table. Consecutive identifiers have
-- consecutive keys, so that an import writes to a few pages of the index; the keys of
-- reversed identifiers would be all over it. A transfer changes no identifier. While the
-- index is built, which takes about a second for each million identifiers, changes of
-- identifiers wait: imports, syncs and swaps. Transfers, sessions and reads do not.
CREATE INDEX identifiers_last_digits ON identifiers (right(identifier, 6) COLLATE "C");
