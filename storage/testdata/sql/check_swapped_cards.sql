-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a new card takes over from one of the same account, which stays terminated unless it is corrected.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_swapped_cards;
PREPARE check_swapped_cards AS
SELECT format('SIM %s of account %s took over from SIM %s of account %s at %s', w.new_sim, n.account, w.old_sim, o.account, w.at)
FROM swaps w
LEFT JOIN LATERAL (SELECT account FROM registrations WHERE sim = w.old_sim AND since <= w.at ORDER BY since DESC LIMIT 1) o ON true
LEFT JOIN LATERAL (SELECT account FROM registrations WHERE sim = w.new_sim AND since <= w.at ORDER BY since DESC LIMIT 1) n ON true
WHERE o.account IS NULL OR n.account IS DISTINCT FROM o.account
UNION ALL
SELECT format('SIM %s (id %s) was replaced at %s and is %s', s.iccid, s.id, w.at, s.status)
FROM (SELECT old_sim, max(at) AS at FROM swaps GROUP BY old_sim) w
JOIN sims s ON s.id = w.old_sim
WHERE s.status <> 'terminated'
  AND w.at > (SELECT coalesce(min(at), '-infinity') + interval '1 minute' FROM audit) -- older entries were deleted
  AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.sim = w.old_sim AND a.action = 'sim.correct' AND a.at > w.at);
