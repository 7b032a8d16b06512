-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records the words of a decision that declines, denies or cancels a request or some of its SIMs.
-- Given:    @request. The @code and the @reason, each empty for none. @ends: whether the decision ends the request;
--           otherwise only the code is added to those of the request.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE note_words(ends, code, reason, request);
PREPARE note_words AS
UPDATE requests
SET code = CASE WHEN $1 /*ends*/ THEN nullif($2 /*code*/, '') END,
	reason = CASE WHEN $1 /*ends*/ THEN nullif($3 /*reason*/, '') END,
	codes = CASE WHEN $2 /*code*/ = '' OR $2 /*code*/ = ANY (codes) THEN codes ELSE array_append(codes, $2 /*code*/) END
WHERE id = $4 /*request*/;
