-- +goose Up

-- Owners hear by mail of pull requests that ask for their SIMs. A row says that this is
-- still to be done. It is not done in the transaction that makes the pull request, so
-- that how long that takes does not depend on the contacts of owners.
CREATE TABLE pull_news (
    pull  uuid NOT NULL REFERENCES pulls ON DELETE CASCADE,
    owner bigint NOT NULL,
    PRIMARY KEY (pull, owner)
);
CREATE INDEX mails_pulls ON mails (account, created_at) WHERE type = 'pull_request';
