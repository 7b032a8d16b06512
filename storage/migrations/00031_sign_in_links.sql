-- +goose Up

-- Links to sign in with that were mailed. hash is the SHA-256 of the secret in the
-- link, and browser that of a secret that the browser which asked for it keeps.
-- Until they expire, links that were used count for the limits.
CREATE TABLE sign_in_links (
    hash       bytea PRIMARY KEY CHECK (length(hash) = 32),
    browser    bytea NOT NULL CHECK (length(browser) = 32),
    email      text NOT NULL CHECK (octet_length(email) <= 254),
    network    text NOT NULL CHECK (length(network) <= 64), -- of the browser
    next       text NOT NULL CHECK (length(next) <= 2000),  -- the path to go on to
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX sign_in_links_email ON sign_in_links (email);
CREATE INDEX sign_in_links_network ON sign_in_links (network);
CREATE INDEX sign_in_links_age ON sign_in_links (expires_at);

-- Why the link of an invitation could not be mailed, as callers of the API read it.
ALTER TABLE invitations ADD COLUMN mail_error text CHECK (length(mail_error) BETWEEN 1 AND 200);
