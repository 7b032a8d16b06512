-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads what the entries of rows of the changes feed have in common.
-- Given:    The numbers of the rows (@seqs).
-- Returns:  A row for each.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_change_rows(seqs);
PREPARE select_change_rows AS
SELECT
	c.seq,
	c.kind,
	src.operator_id AS source,
	src.external_id AS source_external_id,
	dst.operator_id AS destination,
	dst.external_id AS destination_external_id,
	c.request,
	r.batch,
	r.ticket,
	r.reference AS request_reference
FROM changes c
JOIN accounts dst ON dst.id = c.destination
LEFT JOIN accounts src ON src.id = c.source
LEFT JOIN LATERAL (SELECT batch, ticket, reference FROM requests WHERE id = c.request OFFSET 0) r ON true
WHERE c.seq = ANY($1 /*seqs*/);
