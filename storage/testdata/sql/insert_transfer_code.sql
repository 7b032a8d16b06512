-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a transfer code.
-- Given:    The @id and the @hash of the code, the @source, the @identifiers of the SIMs, @self_service_only,
--           how many seconds the destination has (@acceptance), @reference and @message (empty: none), the
--           @period in seconds, and the API @key.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_transfer_code(id, hash, source, identifiers, self_service_only, acceptance, reference, message, key, period);
PREPARE insert_transfer_code AS
INSERT INTO transfer_codes (id, hash, source, identifiers, size, self_service_only, acceptance, reference, message, api_key, expires_at)
VALUES (
	$1 /*id*/, $2 /*hash*/, $3 /*source*/, $4 /*identifiers*/, cardinality($4 /*identifiers*/::text[]), $5 /*self_service_only*/, make_interval(secs => $6 /*acceptance*/),
	nullif($7 /*reference*/, ''), nullif($8 /*message*/, ''), $9 /*key*/, clock_timestamp() + make_interval(secs => $10 /*period*/)
);
