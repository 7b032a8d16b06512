-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether a person who signs in from an address had not signed in from it for 30 days, but has signed in before.
-- Given:    @person and @address. The entry of this sign-in is not yet in the audit trail.
-- Returns:  Whether it is new, with the email of the person and the time.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE is_new_address(person, address);
PREPARE is_new_address AS
SELECT
	NOT EXISTS (SELECT 1 FROM audit WHERE person = $1 /*person*/ AND action = 'session.sign_in' AND address = $2 /*address*/ AND at > clock_timestamp() - interval '30 days')
		AND EXISTS (SELECT 1 FROM audit WHERE person = $1 /*person*/ AND action = 'session.sign_in') AS new,
	email,
	clock_timestamp() AS at
FROM people
WHERE id = $1 /*person*/;
