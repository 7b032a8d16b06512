-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the API keys and memberships that a text names.
-- Given:    @account: only those of this account (0: any). The @id of a key (0: none). The @name of keys or people, and the
--           @email of a person in lower case.
-- Returns:  Their ids; also of those that were revoked.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_acting_keys(account, id, name, email);
PREPARE select_acting_keys AS
SELECT id
FROM api_keys
WHERE ($1 /*account*/ = 0 OR account = $1 /*account*/)
  AND (id = $2 /*id*/ OR name = $3 /*name*/ OR person IN (SELECT id FROM people WHERE name = $3 /*name*/ OR email = $4 /*email*/))
ORDER BY id;
