-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the SIMs of an account that identifiers name.
-- Given:    @account (0: any), the @identifiers and their places in a list, @lines.
-- Returns:  The place, the id and the ICCID of each SIM, by place.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_named_sims(identifiers, lines, account);
PREPARE select_named_sims AS
SELECT u.line, s.id, s.iccid
FROM unnest($1 /*identifiers*/::text[], $2 /*lines*/::int[]) AS u (identifier, line)
JOIN identifiers i USING (identifier)
JOIN sims s ON s.id = i.sim
WHERE ($3 /*account*/ = 0 OR s.account = $3 /*account*/)
ORDER BY u.line;
