-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Subtracts what a piece of work has dealt with from its request, writes the event and deletes the work.
--           The work that brings n_left to 0 finishes the request, except in validation.
-- Given:    @work, its @request, and how many transfers are @done.
--           The changes of the request's counters: @eligible @support @completed @ineligible @failed @canceled
--           @declined @denied @expired @unknown @unquoted, and of its sums: @quoted @charged.
--           @fee_entry: the entry that the fees were quoted from, or null.
--           @validating: the request stays open when nothing is left.
--           @events is 1 to write an event, of @kind by @party with @detail, or 0.
--           @all: delete the work.
-- Returns:  The request's state and counters, and whether the work row was deleted.
-- Locks:    Takes the request, as the last lock of the transaction. The caller holds the work row.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE close_work(done, eligible, support, completed, ineligible, failed, canceled, declined, denied, expired, unknown, unquoted, quoted, charged, fee_entry, validating, events, request, kind, party, detail, work, all);
PREPARE close_work AS
WITH r AS (
	UPDATE requests
	SET n_left = n_left - $1 /*done*/,
		n_eligible = n_eligible + $2 /*eligible*/,
		n_support = n_support + $3 /*support*/,
		n_completed = n_completed + $4 /*completed*/,
		n_ineligible = n_ineligible + $5 /*ineligible*/,
		n_failed = n_failed + $6 /*failed*/,
		n_canceled = n_canceled + $7 /*canceled*/,
		n_declined = n_declined + $8 /*declined*/,
		n_denied = n_denied + $9 /*denied*/,
		n_expired = n_expired + $10 /*expired*/,
		n_unknown = n_unknown + $11 /*unknown*/,
		n_unquoted = n_unquoted + $12 /*unquoted*/,
		any_self_service = any_self_service OR $2 /*eligible*/ > $3 /*support*/,
		any_support_assisted = any_support_assisted OR $3 /*support*/ > 0,
		quoted = quoted + $13 /*quoted*/,
		charged = charged + $14 /*charged*/,
		fee_entries = CASE WHEN $15 /*fee_entry*/::int = ANY (fee_entries) THEN fee_entries ELSE fee_entries || array_remove(ARRAY[$15 /*fee_entry*/::int], NULL) END,
		state = CASE WHEN state = 'transferring' AND n_left = $1 /*done*/ THEN 'completed' ELSE state END,
		finished_at = CASE WHEN n_left = $1 /*done*/ AND NOT $16 /*validating*/ THEN clock_timestamp() END,
		last_event = last_event + $17 /*events*/,
		last_tx = greatest(last_tx, pg_current_xact_id())
	WHERE id = $18 /*request*/
	RETURNING id, source, CASE WHEN offered_at IS NOT NULL THEN destination END AS destination, last_event, last_tx, state, n_left, n_eligible, n_support, size, size - n_ineligible - n_withheld AS n_offered, n_completed
), event AS (
	INSERT INTO events (request, source, destination, seq, tx, kind, party, detail)
	SELECT id, source, destination, last_event, last_tx, $19 /*kind*/, $20 /*party*/, $21 /*detail*/::jsonb
	FROM r
	WHERE $17 /*events*/ > 0
), ended AS (
	DELETE FROM work
	WHERE id = $22 /*work*/ AND $23 /*all*/
	RETURNING id
)
SELECT state, n_left, n_eligible, n_support, size, n_offered, n_completed, EXISTS (SELECT 1 FROM ended) AS ended
FROM r;
