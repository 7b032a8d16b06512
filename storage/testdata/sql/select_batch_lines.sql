-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads where the transfers of a batch are in its upload, page by page.
-- Given:    @batch; @states, @reasons, @methods and @codes of the transfers, and @offered: only those that are or were open.
--           @request and @n: the last transfer of the page before; @limit: maximum number of rows.
-- Returns:  The transfers by request and number, each with its line.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_batch_lines(batch, request, n, states, reasons, methods, codes, offered, limit);
PREPARE select_batch_lines AS
SELECT
		r.id,
		t.line,
		t.n
	FROM requests r
	JOIN transfers t ON t.request = r.id
	WHERE r.batch = $1 /*batch*/ AND r.id >= $2 /*request*/ AND (t.request, t.n) > ($2 /*request*/, $3 /*n*/) AND
($4 /*states*/::text[] IS NULL OR t.state = ANY ($4 /*states*/::text[]))
AND ($5 /*reasons*/::text[] IS NULL OR t.reason = ANY ($5 /*reasons*/::text[]))
AND ($6 /*methods*/::text[] IS NULL OR t.method = ANY ($6 /*methods*/::text[]))
AND ($7 /*codes*/::text[] IS NULL OR t.code = ANY ($7 /*codes*/::text[]))
AND (NOT $8 /*offered*/ OR t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= r.offered_at))
	ORDER BY t.request, t.n
	LIMIT $9 /*limit*/;
