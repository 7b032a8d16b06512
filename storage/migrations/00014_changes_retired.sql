-- +goose Up

-- retired: the SIM was a wrong import, and has no identifiers any more. Until now
-- the changes feed had identifiers_changed for it.
--
-- For created, after has the status, the plan and the settings with which the SIMs
-- of the row were created. Rows that are older have none.
ALTER TABLE changes
    DROP CONSTRAINT changes_kind_check,
    ADD CONSTRAINT changes_kind_check CHECK (kind IN ('created', 'transferred', 'status_changed', 'plan_changed',
        'identifiers_changed', 'swapped', 'owner_corrected', 'retired'));
