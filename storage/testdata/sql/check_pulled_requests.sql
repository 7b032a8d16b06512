-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: an approved pull request has its request from that owner to the asker, with the SIMs that the owner was asked for, made while it was open.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_pulled_requests;
PREPARE check_pulled_requests AS
SELECT format('pull request %s asks account %s, which has approved %s SIMs, and request %s sends %s SIMs from account %s to account %s at %s',
	o.pull, o.owner, cardinality(o.sims), o.request, r.size, r.source, r.destination, r.created_at)
FROM pull_owners o
JOIN pulls p ON p.id = o.pull
LEFT JOIN requests r ON r.id = o.request
WHERE o.decision = 'approved'
  AND ((r.source, r.destination, r.size) IS DISTINCT FROM (o.owner, p.asker, cardinality(o.sims))
    OR o.decided_at > least(p.expires_at, p.canceled_at) + interval '1 minute')
UNION ALL
SELECT format('transfer %s/%s is of SIM %s, for which pull request %s does not ask', t.request, t.n, t.sim, o.pull)
FROM pull_owners o
JOIN transfers t ON t.request = o.request
WHERE t.sim IS NOT NULL AND t.sim <> ALL (o.sims)
UNION ALL
SELECT format('pull request %s asks account %s for its own SIMs', o.pull, o.owner)
FROM pull_owners o
JOIN pulls p ON p.id = o.pull
WHERE o.owner = p.asker;
