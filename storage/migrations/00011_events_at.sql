-- +goose Up

-- For readers of the event feed that start at an instant.
CREATE INDEX events_at ON events (at);
