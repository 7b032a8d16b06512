-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a batch.
-- Given:    @id of the batch, @account that has uploaded it, @size: its number of rows. Its @reference and @message, each empty for none.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_batch(id, account, size, reference, message);
PREPARE insert_batch AS
INSERT INTO batches (id, account, size, reference, message)
VALUES ($1 /*id*/, $2 /*account*/, $3 /*size*/, nullif($4 /*reference*/, ''), nullif($5 /*message*/, ''));
