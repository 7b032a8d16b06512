-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks up the SIMs that have an identifier with a prefix.
-- Given:    @prefix: the first digits; @limit: maximum number of identifiers.
-- Returns:  The ids of the SIMs in an array.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sims_with_prefix(prefix, limit);
PREPARE select_sims_with_prefix AS
SELECT coalesce(array_agg(sim), '{}')
FROM (
	SELECT sim
	FROM identifiers
	WHERE identifier BETWEEN $1 /*prefix*/::text AND rpad($1 /*prefix*/, 22, '9')
	LIMIT $2 /*limit*/
) found;
