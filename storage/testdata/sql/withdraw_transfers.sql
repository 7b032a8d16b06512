-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records which transfers of a request the source has withdrawn during validation.
-- Given:    @request, the @numbers of the transfers, and the @code of the decision, empty for none.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE withdraw_transfers(request, numbers, code);
PREPARE withdraw_transfers AS
INSERT INTO withdrawn (request, n, code)
SELECT $1 /*request*/, unnest($2 /*numbers*/::int[]), nullif($3 /*code*/, '')
ON CONFLICT DO NOTHING;
