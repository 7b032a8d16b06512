-- +goose Up

-- A transaction that calls this function declares that it writes no events, and
-- the event feed does not wait for it. Call it first in a long transaction, such
-- as one that corrects many rows by hand. Events that the transaction writes
-- nevertheless can be missed by readers of the feed. The lock is shared: it makes
-- no one wait, and ends with the transaction.
CREATE FUNCTION writes_no_events() RETURNS void
LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock_shared(1936289140, 1) $$;
