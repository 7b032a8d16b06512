-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the swaps through which a SIM is linked to other cards, before and after it, newest first.
-- Given:    @sim: the id of the SIM; @limit: maximum number of rows.
-- Returns:  The swaps.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_swaps(sim, limit);
PREPARE select_swaps AS
WITH RECURSIVE cards AS (
	SELECT $1 /*sim*/::bigint AS sim
	UNION
	SELECT CASE WHEN w.old_sim = c.sim THEN w.new_sim ELSE w.old_sim END
	FROM cards c
	JOIN swaps w ON w.old_sim = c.sim OR w.new_sim = c.sim
)
SELECT w.at, o.iccid AS old_iccid, n.iccid AS new_iccid
FROM cards c
JOIN swaps w ON w.old_sim = c.sim
JOIN sims o ON o.id = w.old_sim
JOIN sims n ON n.id = w.new_sim
ORDER BY w.id DESC
LIMIT $2 /*limit*/;
