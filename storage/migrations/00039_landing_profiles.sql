-- +goose Up

-- What an account sets on SIMs as they arrive, unless an acceptance says otherwise:
-- sim_group, tags and speed_class, as in requests.landing. The plans on which SIMs
-- land are in plan_mappings.
ALTER TABLE accounts ADD COLUMN landing jsonb
    CONSTRAINT accounts_landing CHECK (
        jsonb_typeof(landing) = 'object' AND landing - ARRAY['sim_group', 'tags', 'speed_class'] = '{}'
        AND coalesce(length(landing ->> 'sim_group'), 0) <= 128 AND coalesce(length(landing ->> 'speed_class'), 0) <= 128
        AND (landing -> 'tags' IS NULL OR tags_within_limits(landing -> 'tags')));
