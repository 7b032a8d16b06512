-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Gives a person the address that the OpenID provider has verified, unless another person has it.
-- Given:    @id of the person; its new @email.
-- Returns:  The id; none if another person has the address.
-- Locks:    The caller holds the person.
--
-- EXPLAIN EXECUTE follow_email(email, id);
PREPARE follow_email AS
WITH changed AS (
	UPDATE people
	SET email = $1 /*email*/,
		verified_at = clock_timestamp()
	WHERE id = $2 /*id*/ AND NOT EXISTS (SELECT 1 FROM people WHERE email = $1 /*email*/)
	RETURNING id
), named AS (
	UPDATE api_keys
	SET name = left($1 /*email*/, 70) || ' #' || $2 /*id*/::bigint
	WHERE person IN (SELECT id FROM changed)
)
SELECT id FROM changed;
