-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Notes the restart of a gateway, after its sessions were closed.
-- Given:    @nas, the time @at which it had no session, the @packet's authenticator, and how many packets to @keep.
-- Returns:  nothing
-- Locks:    Takes the row of the gateway in nasreload.
--
-- EXPLAIN EXECUTE note_restart(nas, at, packet, keep);
PREPARE note_restart AS
INSERT INTO radius.nasreload AS r (nasipaddress, reloadtime, packets)
VALUES ($1 /*nas*/::inet, $2 /*at*/::timestamptz, ARRAY[$3 /*packet*/::bytea])
ON CONFLICT (nasipaddress) DO UPDATE
SET reloadtime = greatest(r.reloadtime, EXCLUDED.reloadtime),
	packets = (EXCLUDED.packets || coalesce(r.packets, '{}'))[1:$4 /*keep*/];
