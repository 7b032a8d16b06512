-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a pull request, and a part of it for each account that owns some of the SIMs.
-- Given:    The @id, the @asker, the @iccids and the @others: the same ICCIDs with or without their check digits,
--           an empty text for those that have no other form. @reference and @message (empty: none), the
--           @period in seconds, and the API @key.
-- Returns:  Its time limit, and the places of SIMs in the list, from 0, that the asker owns: then the caller must roll back.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_pull(iccids, others, id, asker, reference, message, key, period);
PREPARE insert_pull AS
WITH owned AS MATERIALIZED (
	SELECT min(u.nth) AS nth, s.id AS sim, s.account AS owner
	FROM unnest($1 /*iccids*/::text[], $2 /*others*/::text[]) WITH ORDINALITY AS u (iccid, other, nth)
	JOIN identifiers i ON i.identifier IN (u.iccid, u.other) AND i.kind = 'iccid'
	JOIN sims s ON s.id = i.sim
	GROUP BY s.id, s.account
), made AS (
	INSERT INTO pulls (id, asker, iccids, reference, message, api_key, expires_at)
	VALUES ($3 /*id*/, $4 /*asker*/, $1 /*iccids*/, nullif($5 /*reference*/, ''), nullif($6 /*message*/, ''), $7 /*key*/, clock_timestamp() + make_interval(secs => $8 /*period*/))
	RETURNING expires_at
), asked AS (
	INSERT INTO pull_owners (pull, owner, sims)
	SELECT $3 /*id*/, owner, array_agg(sim ORDER BY nth)
	FROM owned
	WHERE owner <> $4 /*asker*/
	GROUP BY owner
	RETURNING pull, owner
), news AS (
	INSERT INTO pull_news (pull, owner)
	SELECT pull, owner FROM asked
)
SELECT
	(SELECT expires_at FROM made) AS expires_at,
	ARRAY(SELECT nth - 1 FROM owned WHERE owner = $4 /*asker*/ ORDER BY nth) AS own;
