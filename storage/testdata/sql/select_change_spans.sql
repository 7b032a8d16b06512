-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads which entries the changes feed has in a part of it.
-- Given:    The part: rows with numbers from @seq to below @end, and of row @seq only the positions from @position on.
--           @kinds: only changes of these kinds (null: any). @account: only changes of SIMs that this account owns, before
--           or after the change (0: any).
-- Returns:  The entries in the order of the feed, as ranges of positions in a row.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_change_spans(seq, position, end, kinds, account);
PREPARE select_change_spans AS
SELECT c.seq, greatest(span.lo, CASE c.seq WHEN $1 /*seq*/ THEN $2 /*position*/::int ELSE 0 END) AS lo, span.hi
FROM changes c
CROSS JOIN LATERAL (
	SELECT lower(r) AS lo, upper(r) AS hi
	FROM unnest(c.numbers) AS r
	UNION ALL
	SELECT 0, cardinality(c.sims)
	WHERE c.sims IS NOT NULL
) span
WHERE c.seq >= $1 /*seq*/
  AND c.seq < $3 /*end*/
  AND (c.seq > $1 /*seq*/ OR span.hi > $2 /*position*/::int)
  AND ($4 /*kinds*/::text[] IS NULL OR c.kind = ANY ($4 /*kinds*/::text[]))
  AND ($5 /*account*/ = 0 OR c.source = $5 /*account*/ OR c.destination = $5 /*account*/)
ORDER BY c.seq, span.lo;
