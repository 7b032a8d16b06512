-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a mapping of plans of an account, or replaces it.
-- Given:    @account: its id; @source: an operator id, empty for any source; @plans by plans; @default_plan, or null.
-- Returns:  The mapping.
-- Locks:    The caller holds the account.
--
-- EXPLAIN EXECUTE put_plan_mapping(account, source, plans, default_plan);
PREPARE put_plan_mapping AS
INSERT INTO plan_mappings (account, source, plans, default_plan)
VALUES ($1 /*account*/, $2 /*source*/, $3 /*plans*/, $4 /*default_plan*/)
ON CONFLICT (account, source) DO UPDATE
SET plans = excluded.plans, default_plan = excluded.default_plan, updated_at = excluded.updated_at
RETURNING source, plans, default_plan, updated_at;
