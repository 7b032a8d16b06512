-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes the webhook messages that an account has heard, with their deliveries.
-- Given:    @account.
-- Returns:  nothing
-- Locks:    Takes the messages.
--
-- EXPLAIN EXECUTE erase_messages(account);
PREPARE erase_messages AS
DELETE FROM messages WHERE account = $1 /*account*/;
