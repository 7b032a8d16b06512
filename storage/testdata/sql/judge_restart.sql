-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out when a gateway that reports a restart had no session.
-- Given:    @nas, the @packet's authenticator, the @event in microseconds since 1970 (null: none) and the @delay in seconds.
-- Returns:  The time, whether the gateway's clock is wrong, and whether the packet is a repetition.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE judge_restart(nas, packet, event, delay);
PREPARE judge_restart AS
SELECT
	radius.reported_at(event, delay, statement_timestamp()) AS at,
	radius.wrong_clock(event, statement_timestamp()) AS clock,
	EXISTS (
		SELECT
		FROM radius.nasreload
		WHERE nasipaddress = $1 /*nas*/::inet AND $2 /*packet*/::bytea = ANY(packets)
	) AS replayed
FROM (SELECT $3 /*event*/::bigint AS event, $4 /*delay*/::bigint AS delay) n;
