-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a sign-in, and deletes those that have ended, the one that it replaces, and the oldest beyond the limit.
-- Given:    @hash of its secret; @key: id of the API key that signs in, or @person who does (null: the other);
--           @address and @user_agent of the browser (empty: unknown); @idle, @period and @fresh: for how many seconds
--           it lasts without a call, in all, and for acts that need a fresh one; @replaced: the hash of the secret of
--           the one that it replaces; @others: how many others of the key or the person can stay.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_sign_in(replaced, key, person, others, hash, address, user_agent, idle, period, fresh);
PREPARE insert_sign_in AS
WITH ended AS (
	DELETE FROM sign_ins
	WHERE expires_at <= clock_timestamp()
	   OR hash = $1 /*replaced*/
	   OR id IN (
		SELECT id
		FROM sign_ins
		WHERE api_key = $2 /*key*/::bigint OR person = $3 /*person*/::bigint
		ORDER BY id DESC
		OFFSET $4 /*others*/
	)
)
INSERT INTO sign_ins (hash, api_key, person, address, user_agent, expires_at, ends_at, fresh_until)
VALUES ($5 /*hash*/, $2 /*key*/, $3 /*person*/, nullif($6 /*address*/, ''), nullif($7 /*user_agent*/, ''),
	clock_timestamp() + make_interval(secs => $8 /*idle*/),
	clock_timestamp() + make_interval(secs => $9 /*period*/),
	clock_timestamp() + make_interval(secs => $10 /*fresh*/));
