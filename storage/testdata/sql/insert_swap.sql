-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records that a card took over from another one, and adds work that disconnects the open data sessions of the
--           old one.
-- Given:    The ids of the SIMs: @old and @new.
-- Returns:  nothing
-- Locks:    The caller holds both SIMs, so that no session of them can start.
--
-- EXPLAIN EXECUTE insert_swap(old, new);
PREPARE insert_swap AS
WITH disconnected AS (
	INSERT INTO work (kind, items, n, gateway, queue)
	SELECT 'drop_stray', ARRAY[a.radacctid], 1, host(a.nasipaddress), 'gateway'
	FROM radius.radacct a
	WHERE a.sim = $1 /*old*/
	  AND a.acctstoptime IS NULL
	  AND NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'drop_stray' AND a.radacctid = ANY (w.items))
)
INSERT INTO swaps (old_sim, new_sim)
VALUES ($1 /*old*/, $2 /*new*/);
