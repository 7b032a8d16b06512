-- +goose Up

-- Totals and exports of charges by period. Charges are only appended, in the order of
-- their times, so ranges of blocks suffice, which cost a hand-over next to nothing.
CREATE INDEX charges_charged_at ON charges USING brin (charged_at) WITH (pages_per_range = 32, autosummarize = on);

-- Lists of requests that are not finished, such as the queue of support.
CREATE INDEX requests_open ON requests (id) WHERE finished_at IS NULL;

-- SIMs with the transfer lock. There are few of them, and they are not transferred.
CREATE INDEX sims_locked ON sims (account, id) WHERE transfer_lock;
