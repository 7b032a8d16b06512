-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records that the mail server refuses mail to an address.
-- Given:    @address, the @code of the answer (0: none) and the @error.
-- Returns:  nothing
-- Locks:    Takes the row of the address.
--
-- EXPLAIN EXECUTE record_mail_refusal(address, code, error);
PREPARE record_mail_refusal AS
INSERT INTO mail_refusals AS r (address, code, error)
VALUES ($1 /*address*/, nullif($2 /*code*/::int, 0), $3 /*error*/)
ON CONFLICT (address) DO UPDATE
SET last_at = clock_timestamp(), code = excluded.code, error = excluded.error;
