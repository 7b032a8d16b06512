-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads whether mail is sent and how the mail server answers.
-- Given:    nothing
-- Returns:  One row.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_mail_sender;
PREPARE select_mail_sender AS
SELECT
	active_until > clock_timestamp() AS active,
	failures,
	failing_since,
	failure,
	(SELECT count(*) FROM (SELECT FROM mails WHERE state = 'pending' LIMIT 10000) p) AS pending
FROM mail_sender;
