-- +goose Up

-- The history of a SIM shows how its status and plan changed. Each of these rows has
-- one SIM.
CREATE INDEX changes_of_sim ON changes ((sims[1]), id) WHERE kind IN ('status_changed', 'plan_changed');
