-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads which transfers of a request its results have, page by page.
-- Given:    @request; @states, @reasons, @methods and @codes of the transfers, and @offered: only those that are or were open.
--           @n: the last transfer of the page before; @limit: maximum number of rows.
-- Returns:  The transfers by number, each with its line.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_request_lines(request, n, states, reasons, methods, codes, offered, limit);
PREPARE select_request_lines AS
SELECT
		t.request AS id,
		t.line,
		t.n
	FROM transfers t
	JOIN requests r ON r.id = t.request
	WHERE t.request = $1 /*request*/ AND t.n > $2 /*n*/ AND
($3 /*states*/::text[] IS NULL OR t.state = ANY ($3 /*states*/::text[]))
AND ($4 /*reasons*/::text[] IS NULL OR t.reason = ANY ($4 /*reasons*/::text[]))
AND ($5 /*methods*/::text[] IS NULL OR t.method = ANY ($5 /*methods*/::text[]))
AND ($6 /*codes*/::text[] IS NULL OR t.code = ANY ($6 /*codes*/::text[]))
AND (NOT $7 /*offered*/ OR t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= r.offered_at))
	ORDER BY t.n
	LIMIT $8 /*limit*/;
