-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lets a person sign in no longer and ends its sign-ins, or lets it sign in again.
-- Given:    @id of the person; whether it is @disabled.
-- Returns:  nothing
-- Locks:    The caller holds the person.
--
-- EXPLAIN EXECUTE disable_person(id, disabled);
PREPARE disable_person AS
WITH ended AS (
	DELETE FROM sign_ins WHERE person = $1 /*id*/ AND $2 /*disabled*/
)
UPDATE people
SET disabled_at = CASE WHEN $2 /*disabled*/::boolean THEN clock_timestamp() END
WHERE id = $1 /*id*/;
