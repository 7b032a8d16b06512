-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a link to sign in with, unless there are too many, and deletes those that have expired.
-- Given:    @hash of the link's secret; @browser: the hash of the secret of the browser that asked; @email to which it is
--           sent; @network of the browser; @next: the path to go on to; @period: for how many seconds the link works, and
--           in which the limits count; @per_email and @per_network: the limits.
-- Returns:  The number of links that were made: 0 or 1.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_sign_in_link(email, network, hash, browser, next, period, per_email, per_network);
PREPARE insert_sign_in_link AS
WITH ended AS (
	DELETE FROM sign_in_links WHERE expires_at <= clock_timestamp()
), recent AS (
	SELECT email, network
	FROM sign_in_links
	WHERE expires_at > clock_timestamp() AND (email = $1 /*email*/ OR network = $2 /*network*/)
)
INSERT INTO sign_in_links (hash, browser, email, network, next, expires_at)
SELECT $3 /*hash*/, $4 /*browser*/, $1 /*email*/, $2 /*network*/, $5 /*next*/, clock_timestamp() + make_interval(secs => $6 /*period*/)
WHERE (SELECT count(*) FROM recent WHERE email = $1 /*email*/) < $7 /*per_email*/
	AND (SELECT count(*) FROM recent WHERE network = $2 /*network*/) < $8 /*per_network*/;
