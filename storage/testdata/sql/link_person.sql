-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records who a person is for an OpenID provider, unless it is another user of the same provider.
-- Given:    @id of the person; the @issuer and the @subject.
-- Returns:  The id; none if it is another user.
-- Locks:    The caller holds the person.
--
-- EXPLAIN EXECUTE link_person(issuer, subject, id);
PREPARE link_person AS
UPDATE people
SET issuer = $1 /*issuer*/,
	subject = $2 /*subject*/
WHERE id = $3 /*id*/ AND (issuer IS DISTINCT FROM $1 /*issuer*/ OR subject = $2 /*subject*/)
RETURNING id;
