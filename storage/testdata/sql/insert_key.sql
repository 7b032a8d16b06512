-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates an API key.
-- Given:    @hash and @hint of its token, @role, @account that it acts for and its @permission there (null:
--           none), @name, @expires_at (null: never), the @networks from which it may be used, and the key
--           that creates it: @by (null: none).
-- Returns:  The id of the key; none if a key of the account, or of the role of staff, that is not revoked has the name.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_key(hash, hint, role, account, permission, name, expires_at, networks, by);
PREPARE insert_key AS
INSERT INTO api_keys (hash, hint, role, account, permission, name, expires_at, networks, created_by)
VALUES ($1 /*hash*/, $2 /*hint*/, $3 /*role*/, $4 /*account*/, $5 /*permission*/, $6 /*name*/, $7 /*expires_at*/, $8 /*networks*/::text[]::cidr[], $9 /*by*/)
ON CONFLICT (coalesce(account, 0), role, lower(name)) WHERE revoked_at IS NULL DO NOTHING
RETURNING id;
