-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads whether a link to sign in with can be used.
-- Given:    @hash of its secret; @browser: the hash of the secret of the browser.
-- Returns:  The address to which it was sent, and in same, whether this browser asked for it; none if the link was used or has expired.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sign_in_link(browser, hash);
PREPARE select_sign_in_link AS
SELECT email, browser = $1 /*browser*/ AS same
FROM sign_in_links
WHERE hash = $2 /*hash*/ AND used_at IS NULL AND expires_at > clock_timestamp();
