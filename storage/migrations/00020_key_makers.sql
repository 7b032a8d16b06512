-- +goose Up

-- Who has made or rotated an API key: looked up when a request is approved.
CREATE INDEX audit_key_makers ON audit (object_id) WHERE action IN ('key.create', 'key.rotate');
