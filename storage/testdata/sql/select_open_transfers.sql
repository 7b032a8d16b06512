-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the open transfers of a request that hold some SIMs.
-- Given:    @request, and any of the @identifiers of each SIM.
-- Returns:  The number of the transfer for each identifier that has one.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_open_transfers(identifiers, request);
PREPARE select_open_transfers AS
SELECT i.identifier, o.n
FROM unnest($1 /*identifiers*/::text[]) AS i (identifier)
JOIN identifiers x USING (identifier)
JOIN open_transfers o ON o.sim = x.sim AND o.request = $2 /*request*/;
