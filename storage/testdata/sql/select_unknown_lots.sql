-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds lots of which an account has no SIM.
-- Given:    @account (0: any) and the @lots.
-- Returns:  The lots in an array.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_unknown_lots(lots, account);
PREPARE select_unknown_lots AS
SELECT coalesce(array_agg(lot), '{}')
FROM unnest($1 /*lots*/::text[]) AS u (lot)
WHERE NOT EXISTS (
	SELECT 1
	FROM sim_details d
	JOIN sims s ON s.id = d.sim
	WHERE d.lot = u.lot
	  AND ($2 /*account*/ = 0 OR s.account = $2 /*account*/)
	  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)
);
