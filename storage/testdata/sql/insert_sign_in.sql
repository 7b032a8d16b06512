-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a browser session, and deletes those that have expired.
-- Given:    @hash of its secret; @key: id of the API key that signs in; @period: seconds until it expires.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_sign_in(hash, key, period);
PREPARE insert_sign_in AS
WITH ended AS (
	DELETE FROM sign_ins WHERE expires_at <= clock_timestamp()
)
INSERT INTO sign_ins (hash, api_key, expires_at)
VALUES ($1 /*hash*/, $2 /*key*/, clock_timestamp() + make_interval(secs => $3 /*period*/));
