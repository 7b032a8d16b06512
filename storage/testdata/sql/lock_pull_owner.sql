-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks an owner's part of a pull request.
-- Given:    @pull and @owner.
-- Returns:  The owner; no row if it is not asked.
-- Locks:    The caller holds the pull request. Takes the part.
--
-- EXPLAIN EXECUTE lock_pull_owner(pull, owner);
PREPARE lock_pull_owner AS
SELECT owner FROM pull_owners WHERE pull = $1 /*pull*/ AND owner = $2 /*owner*/ FOR NO KEY UPDATE;
