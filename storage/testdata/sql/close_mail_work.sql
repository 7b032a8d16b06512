-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends the work of sending mails if none is pending, or makes it due when the next one is and the pause is over.
-- Given:    @id of the work; @seconds: not before they are over.
-- Returns:  A row.
-- Locks:    The caller holds the row of work, which an earlier statement has taken.
--
-- EXPLAIN EXECUTE close_mail_work(seconds, id);
PREPARE close_mail_work AS
WITH next AS MATERIALIZED (
	SELECT greatest(s.paused_until, m.not_before, clock_timestamp() + make_interval(secs => $1 /*seconds*/)) AS at
	FROM mail_sender s
	CROSS JOIN LATERAL (
		SELECT not_before
		FROM mails
		WHERE state = 'pending'
		ORDER BY not_before
		LIMIT 1
	) m
), ended AS (
	DELETE FROM work
	WHERE id = $2 /*id*/ AND NOT EXISTS (SELECT 1 FROM next)
	RETURNING id
), postponed AS (
	UPDATE work w
	SET not_before = next.at,
		dispatched_at = NULL,
		lease = NULL,
		lease_until = NULL,
		errors = 0,
		crashes = 0,
		error = NULL
	FROM next
	WHERE w.id = $2 /*id*/
	RETURNING w.id
)
SELECT id FROM ended UNION ALL SELECT id FROM postponed;
