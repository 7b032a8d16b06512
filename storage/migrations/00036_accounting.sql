-- +goose Up

-- What the accounting listener (simtransfer radius) stores besides the columns that
-- FreeRADIUS's own queries fill in.
ALTER TABLE radius.radacct
    ADD COLUMN IF NOT EXISTS nasidentifier text,
    ADD COLUMN IF NOT EXISTS nasport bigint,
    ADD COLUMN IF NOT EXISTS nsapi text,
    ADD COLUMN start_packet bytea; -- Request Authenticator of the Start, by which a replay of it is recognized
ALTER TABLE radius.nasreload
    ADD COLUMN packets bytea[]; -- Request Authenticators of the last Accounting-On and Accounting-Off
