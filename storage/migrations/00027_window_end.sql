-- +goose Up

-- When the window of an acceptance ends. expires_at is the same until the request is
-- started, and null from then on.

ALTER TABLE requests ADD COLUMN not_after timestamptz;
