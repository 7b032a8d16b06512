-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a membership of a person: a row of api_keys with a hash that no token has.
-- Given:    @hash: random; the @person with its @email; @role, @account (null: staff) and @permission there (null: staff);
--           the key of the caller who creates it: @by (null: none).
-- Returns:  The id; none if the person has a membership there.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_membership(hash, role, account, permission, email, person, by);
PREPARE insert_membership AS
INSERT INTO api_keys (hash, hint, role, account, permission, name, person, created_by)
VALUES ($1 /*hash*/, '', $2 /*role*/, $3 /*account*/, $4 /*permission*/, left($5 /*email*/, 70) || ' #' || $6 /*person*/::bigint, $6 /*person*/, $7 /*by*/)
ON CONFLICT (person, coalesce(account, 0)) WHERE person IS NOT NULL AND revoked_at IS NULL DO NOTHING
RETURNING id;
