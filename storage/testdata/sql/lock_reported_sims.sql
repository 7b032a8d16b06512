-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks up the SIMs of reports, as the trigger before_session does, and locks them.
-- Given:    Arrays with an element for each report: @numbers, @imsis, @usernames and @callers (Calling-Station-Id), and
--           @escaped, whether these are escaped.
-- Returns:  For each report whose SIM is known, its number and the SIM.
-- Locks:    Takes the SIMs, by ascending id.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE lock_reported_sims(numbers, imsis, usernames, callers, escaped);
PREPARE lock_reported_sims AS
WITH named AS MATERIALIZED (
	SELECT
		nr,
		coalesce(
			(SELECT sim FROM identifiers WHERE identifier = CASE WHEN imsi = '' THEN username ELSE imsi END),
			radius.session_sim(imsi, username, caller, escaped)) AS sim
	FROM unnest($1 /*numbers*/::int[], $2 /*imsis*/::text[], $3 /*usernames*/::text[], $4 /*callers*/::text[], $5 /*escaped*/::boolean[])
		AS u (nr, imsi, username, caller, escaped)
)
SELECT n.nr, s.id AS sim
FROM named n
JOIN sims s ON s.id = n.sim
ORDER BY s.id
FOR NO KEY UPDATE OF s;
