-- +goose Up

-- Whether the source asked, when it created the request or its batch, that no other
-- request has its reference. Requests from before do not say.
ALTER TABLE requests ADD COLUMN unique_reference boolean NOT NULL DEFAULT false;
