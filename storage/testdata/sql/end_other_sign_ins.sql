-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends the sign-ins of a person, or with an API key, except one.
-- Given:    The @person and the API @key (0: the other); @except: the id of the sign-in that stays (0: none).
-- Returns:  How many there were.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE end_other_sign_ins(except, person, key);
PREPARE end_other_sign_ins AS
WITH ended AS (
	DELETE FROM sign_ins
	WHERE id <> $1 /*except*/ AND (person = nullif($2 /*person*/::bigint, 0) OR api_key = nullif($3 /*key*/::bigint, 0))
	RETURNING 1
)
SELECT count(*) FROM ended;
