-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the SIM that an identifier names.
-- Given:    @identifier; @account that the SIM has to be registered to (0: any).
-- Returns:  Its id, and which account owns it; none if there is no such SIM.
-- Locks:    Takes the SIM.
--
-- EXPLAIN EXECUTE lock_sim(identifier, account);
PREPARE lock_sim AS
SELECT id, account
FROM sims
WHERE id = (SELECT sim FROM identifiers WHERE identifier = $1 /*identifier*/)
  AND ($2 /*account*/ = 0 OR account = $2 /*account*/)
FOR NO KEY UPDATE;
