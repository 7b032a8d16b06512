-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records that a transfer code was redeemed.
-- Given:    @id, and the @request that was made.
-- Returns:  nothing
-- Locks:    The caller holds the code.
--
-- EXPLAIN EXECUTE redeem_transfer_code(request, id);
PREPARE redeem_transfer_code AS
UPDATE transfer_codes SET redeemed_at = clock_timestamp(), request = $1 /*request*/ WHERE id = $2 /*id*/;
