-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates an API key.
-- Given:    @hash and @hint of its token, @role, @account that it acts for (null: none) and @name.
-- Returns:  The id of the key.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_key(hash, hint, role, account, name);
PREPARE insert_key AS
INSERT INTO api_keys (hash, hint, role, account, name)
VALUES ($1 /*hash*/, $2 /*hint*/, $3 /*role*/, $4 /*account*/, $5 /*name*/)
RETURNING id;
