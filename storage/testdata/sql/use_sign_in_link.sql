-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Uses up a link to sign in with, and with it all that were sent to its address.
-- Given:    @hash of its secret; @browser: the hash of the secret of the browser that asked for it.
-- Returns:  The address to which it was sent and the path to go on to; none if it was used, has expired, or was asked for by another browser.
-- Locks:    Takes the links of the address.
--
-- EXPLAIN EXECUTE use_sign_in_link(hash, browser);
PREPARE use_sign_in_link AS
WITH used AS (
	UPDATE sign_in_links
	SET used_at = clock_timestamp()
	WHERE hash = $1 /*hash*/ AND browser = $2 /*browser*/ AND used_at IS NULL AND expires_at > clock_timestamp()
	RETURNING email, next
), others AS (
	UPDATE sign_in_links l
	SET used_at = clock_timestamp()
	FROM used
	WHERE l.email = used.email AND l.hash <> $1 /*hash*/ AND l.used_at IS NULL
)
SELECT email, next FROM used;
