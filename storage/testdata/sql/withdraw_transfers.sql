-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records which transfers of a request the source has withdrawn during validation.
-- Given:    @request and the @numbers of the transfers.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE withdraw_transfers(request, numbers);
PREPARE withdraw_transfers AS
INSERT INTO withdrawn (request, n)
SELECT $1 /*request*/, unnest($2 /*numbers*/::int[])
ON CONFLICT DO NOTHING;
