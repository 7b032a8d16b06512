-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out what an actor is called, and the time.
-- Given:    The @key and the @person who act (0: neither).
-- Returns:  The name of the person, else that of the key, else empty; whether the key belongs to staff; the time.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_actor(person, key);
PREPARE select_actor AS
SELECT
	coalesce((SELECT name FROM people WHERE id = coalesce(nullif($1 /*person*/::bigint, 0), k.person)), k.name, '') AS name,
	k.id IS NOT NULL AND k.account IS NULL AS staff,
	clock_timestamp() AS at
FROM (SELECT 1) one
LEFT JOIN api_keys k ON k.id = $2 /*key*/::bigint;
