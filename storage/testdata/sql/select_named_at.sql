-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the SIM that an identifier named at an instant.
-- Given:    @identifier; @at: the instant (null: now, or if it names none any more, when it last did).
-- Returns:  The id of the SIM; none if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_named_at(identifier, at);
PREPARE select_named_at AS
WITH former AS (
	SELECT sim, until
	FROM former_identifiers
	WHERE identifier = $1 /*identifier*/
), current AS (
	SELECT sim
	FROM identifiers
	WHERE identifier = $1 /*identifier*/
)
SELECT sim
FROM (
	(SELECT sim, 1 AS choice FROM former WHERE until > $2 /*at*/::timestamptz ORDER BY until LIMIT 1)
	UNION ALL
	SELECT sim, 2 FROM current
	UNION ALL
	(SELECT sim, 3 FROM former WHERE $2 /*at*/::timestamptz IS NULL ORDER BY until DESC LIMIT 1)
) named
ORDER BY choice
LIMIT 1;
