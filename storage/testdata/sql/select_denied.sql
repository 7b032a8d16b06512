-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Decides whether a failed sign-in is recorded, and finds out whose token was sent.
-- Given:    @action of such entries; @address of the caller; @hash of the token; @per_address and @all: the
--           maximum number of entries in a minute.
-- Returns:  In recorded, whether there is room for an entry; in key, the API key of the token, even if it is revoked or expired, or 0.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_denied(action, address, per_address, all, hash);
PREPARE select_denied AS
WITH recent AS (
	SELECT address
	FROM audit
	WHERE at > clock_timestamp() - interval '1 minute' AND action = $1 /*action*/
)
SELECT
	(SELECT count(*) FROM recent WHERE address IS NOT DISTINCT FROM nullif($2 /*address*/, '')) < $3 /*per_address*/
		AND (SELECT count(*) FROM recent) < $4 /*all*/ AS recorded,
	coalesce((SELECT id FROM api_keys WHERE hash = $5 /*hash*/ OR old_hash = $5 /*hash*/ LIMIT 1), 0) AS key;
