-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records which transfers of a request the destination has accepted.
-- Given:    @request and the @numbers of the transfers.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE choose_transfers(request, numbers);
PREPARE choose_transfers AS
INSERT INTO chosen (request, n)
SELECT $1 /*request*/, unnest($2 /*numbers*/::int[]);
