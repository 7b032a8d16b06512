-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Takes pull requests of which owners are still to hear by mail, if the last such mail to the owner was long enough ago.
-- Given:    @wait: for how many seconds after a mail there is no other one to the owner; @keep: after how many
--           seconds a pull request is no news; @limit: maximum number of rows.
-- Returns:  What each owner can learn of those that wait for it, by owner, the oldest first.
-- Locks:    The caller holds the row of the outbox.
--
-- EXPLAIN EXECUTE take_pull_news(wait, limit, keep);
PREPARE take_pull_news AS
WITH due AS MATERIALIZED (
	SELECT n.pull, n.owner
	FROM pull_news n
	WHERE NOT EXISTS (
		SELECT 1 FROM mails m
		WHERE m.account = n.owner AND m.type = 'pull_request' AND m.created_at > clock_timestamp() - make_interval(secs => $1 /*wait*/)
	)
	ORDER BY n.pull
	LIMIT $2 /*limit*/
), taken AS (
	DELETE FROM pull_news n
	USING due
	WHERE (n.pull, n.owner) = (due.pull, due.owner)
)
SELECT
	due.owner,
	owner.operator_id AS owner_id,
	p.id AS pull,
	asker.operator_id AS asker,
	coalesce(asker.name, '') AS asker_name,
	coalesce(p.reference, '') AS reference,
	coalesce(p.message, '') AS message,
	p.expires_at,
	s.n AS sims
FROM due
JOIN pulls p ON p.id = due.pull
JOIN pull_owners o ON (o.pull, o.owner) = (due.pull, due.owner)
JOIN accounts asker ON asker.id = p.asker
JOIN accounts owner ON owner.id = due.owner
CROSS JOIN LATERAL (SELECT count(*) AS n FROM sims WHERE id = ANY (o.sims) AND account = o.owner) s
WHERE o.decision IS NULL
  AND p.canceled_at IS NULL
  AND p.expires_at > clock_timestamp()
  AND p.created_at > clock_timestamp() - make_interval(secs => $3 /*keep*/)
  AND s.n > 0
ORDER BY due.owner, p.id;
