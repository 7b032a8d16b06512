-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Adds events of batches to those that are collected.
-- Given:    Arrays with a row for each group: @accounts, @batches, @types, @sources, @requests, @sims, @completed, the last
--           event (@events) and its time (@ats). @wait: after how many seconds the first message is due.
-- Returns:  nothing
-- Locks:    The caller holds the row of the outbox.
--
-- EXPLAIN EXECUTE collect_messages(wait, accounts, batches, types, sources, requests, sims, completed, events, ats);
PREPARE collect_messages AS
INSERT INTO message_groups AS g (account, batch, type, source, requests, sims, completed, event, at, due_at, wait)
SELECT u.account, u.batch, u.type, u.source, u.requests, u.sims, u.completed, u.event, u.at,
	clock_timestamp() + make_interval(secs => $1 /*wait*/), make_interval(secs => $1 /*wait*/)
FROM unnest($2 /*accounts*/::bigint[], $3 /*batches*/::uuid[], $4 /*types*/::text[], $5 /*sources*/::text[], $6 /*requests*/::int[], $7 /*sims*/::bigint[], $8 /*completed*/::bigint[],
	$9 /*events*/::text[], $10 /*ats*/::timestamptz[]) AS u (account, batch, type, source, requests, sims, completed, event, at)
ON CONFLICT (account, batch, type) DO UPDATE
SET requests = g.requests + excluded.requests,
	sims = g.sims + excluded.sims,
	completed = g.completed + excluded.completed,
	event = excluded.event,
	at = excluded.at,
	due_at = CASE WHEN g.requests > 0 THEN g.due_at ELSE greatest(g.due_at, excluded.due_at) END;
