-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a person.
-- Given:    @id of the person; the @account whose calls count as last seen (0: any).
-- Returns:  The person; none if it does not exist.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_person(account, id);
PREPARE select_person AS
SELECT
	p.id,
	p.email,
	p.name,
	p.created_at,
	p.verified_at,
	p.disabled_at,
	(SELECT max(k.last_used_at) FROM api_keys k WHERE k.person = p.id AND ($1 /*account*/::bigint = 0 OR k.account = $1 /*account*/)) AS last_seen_at
FROM people p
WHERE p.id = $2 /*id*/;
