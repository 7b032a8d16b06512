-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the SIMs of an account that a list names by EIDs and by ranges of ICCIDs.
-- Given:    @account (0: any). The @eids and their places in the list, @eid_lines. The ends of the ranges, @firsts and @lasts, whether only
--           ICCIDs as they are stored are in them, @stored, and their places, @range_lines. The maximum number of rows: @limit.
-- Returns:  The place, the id and the ICCID of each SIM, by place and ICCID.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_listed_sims(eids, eid_lines, account, firsts, lasts, stored, range_lines, limit);
PREPARE select_listed_sims AS
SELECT e.line, s.id, s.iccid
FROM unnest($1 /*eids*/::text[], $2 /*eid_lines*/::int[]) AS e (eid, line)
JOIN sim_details d ON d.eid = e.eid
JOIN sims s ON s.id = d.sim
WHERE ($3 /*account*/ = 0 OR s.account = $3 /*account*/)
  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)
UNION
SELECT r.line, s.id, s.iccid
FROM unnest($4 /*firsts*/::text[], $5 /*lasts*/::text[], $6 /*stored*/::boolean[], $7 /*range_lines*/::int[]) AS r (first, last, stored, line)
JOIN identifiers i ON i.identifier BETWEEN r.first AND r.last AND length(i.identifier) = length(r.first) AND i.kind = 'iccid'
JOIN sims s ON s.id = i.sim AND (NOT r.stored OR i.identifier = s.iccid)
WHERE ($3 /*account*/ = 0 OR s.account = $3 /*account*/)
ORDER BY line, iccid
LIMIT $8 /*limit*/;
