-- +goose Up

-- Requests, their transfers, and the work to be done on them.

CREATE TABLE batches (
    id         uuid PRIMARY KEY,
    account    bigint NOT NULL REFERENCES accounts,
    size       integer NOT NULL CHECK (size > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX batches_account ON batches (account, id);

-- n_left is the number of transfers that the current phase has not finished: the
-- sum of n over the request's work rows.
CREATE TABLE requests (
    id                uuid NOT NULL,
    batch             uuid REFERENCES batches,
    retry_of          uuid, -- the request whose failed lines this one retries
    source            bigint NOT NULL REFERENCES accounts,
    destination       bigint NOT NULL REFERENCES accounts,
    self_service_only boolean NOT NULL DEFAULT false,
    acceptance        interval NOT NULL CHECK (acceptance BETWEEN '1 second' AND '30 days'),
    review            interval NOT NULL CHECK (review >= '1 second'),
    queue             text NOT NULL CHECK (queue IN ('interactive', 'bulk')),
    state             text NOT NULL CHECK (state IN ('validating', 'in_review', 'awaiting_acceptance', 'transferring',
                          'completed', 'rejected', 'canceled', 'declined', 'denied', 'expired')),
    size              integer NOT NULL CHECK (size > 0),
    n_left            integer NOT NULL CHECK (n_left BETWEEN 0 AND size),
    n_eligible        integer NOT NULL DEFAULT 0 CHECK (n_eligible >= 0),
    n_support         integer NOT NULL DEFAULT 0 CHECK (n_support BETWEEN 0 AND n_eligible),
    n_completed       integer NOT NULL DEFAULT 0 CHECK (n_completed >= 0),
    n_ineligible      integer NOT NULL DEFAULT 0 CHECK (n_ineligible >= 0),
    n_failed          integer NOT NULL DEFAULT 0 CHECK (n_failed >= 0),
    n_canceled        integer NOT NULL DEFAULT 0 CHECK (n_canceled >= 0),
    n_declined        integer NOT NULL DEFAULT 0 CHECK (n_declined >= 0),
    n_denied          integer NOT NULL DEFAULT 0 CHECK (n_denied >= 0),
    n_expired         integer NOT NULL DEFAULT 0 CHECK (n_expired >= 0),
    n_unquoted        integer NOT NULL DEFAULT 0 CHECK (n_unquoted BETWEEN 0 AND n_support), -- the fee schedule had no amount for them
    any_self_service     boolean NOT NULL DEFAULT false, -- whether a transfer has the method, in any state
    any_support_assisted boolean NOT NULL DEFAULT false,
    quoted            bigint NOT NULL DEFAULT 0 CHECK (quoted >= 0), -- sum of the schedule's fees for the eligible transfers, in minor units
    charged           bigint NOT NULL DEFAULT 0 CHECK (charged >= 0), -- sum of the fees charged, in minor units
    partial           boolean NOT NULL DEFAULT false, -- only the transfers in chosen were accepted
    expires_at        timestamptz,
    offered_at        timestamptz, -- when the destination could first decide: it does not see the request before
    n_unknown         integer NOT NULL DEFAULT 0 CHECK (n_unknown BETWEEN 0 AND n_ineligible + n_canceled + n_declined + n_denied + n_expired), -- closed without having named a SIM of the source
    n_purged          integer NOT NULL DEFAULT 0 CHECK (n_purged BETWEEN 0 AND size), -- of the transfers that were unknown, those that were deleted
    n_withheld        integer NOT NULL DEFAULT 0 CHECK (n_withheld BETWEEN 0 AND n_canceled), -- canceled before that
    landing           jsonb CHECK (jsonb_typeof(landing) = 'object'), -- settings that the SIMs get as they arrive
    ticket            text,
    fee_override      bigint CHECK (fee_override >= 0),
    fee_reason        text,
    last_event        integer NOT NULL DEFAULT 0,
    last_tx           xid8 NOT NULL DEFAULT pg_current_xact_id(), -- events.tx of the last event
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at       timestamptz,
    CHECK (source <> destination),
    CHECK (offered_at IS NOT NULL OR state NOT IN ('awaiting_acceptance', 'transferring', 'completed', 'declined')),
    CHECK ((fee_override IS NULL) = (fee_reason IS NULL)),
    CHECK (state NOT IN ('in_review', 'awaiting_acceptance') OR (n_left = 0 AND expires_at IS NOT NULL AND n_eligible > 0)),
    CHECK (state NOT IN ('completed', 'rejected') OR finished_at IS NOT NULL),
    CHECK (finished_at IS NULL OR (n_left = 0 AND n_eligible = 0
        AND state IN ('completed', 'rejected', 'canceled', 'declined', 'denied', 'expired')
        AND size = n_completed + n_ineligible + n_failed + n_canceled + n_declined + n_denied + n_expired))
) WITH (fillfactor = 50);
CREATE INDEX requests_source ON requests (source, id);
CREATE INDEX requests_destination ON requests (destination, id);
CREATE INDEX requests_batch ON requests (batch, id) WHERE batch IS NOT NULL;
CREATE INDEX requests_retry ON requests (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX requests_ticket ON requests (ticket) WHERE ticket IS NOT NULL;
-- For the limits of an account, and for the purge of transfers that named no SIM.
CREATE INDEX requests_unfinished ON requests (source) INCLUDE (size) WHERE finished_at IS NULL;
CREATE INDEX requests_unknown ON requests (source) INCLUDE (n_unknown) WHERE n_unknown > 0;
CREATE INDEX requests_to_purge ON requests (finished_at) WHERE n_unknown > 0;
CREATE INDEX requests_expiry ON requests (expires_at) WHERE state IN ('in_review', 'awaiting_acceptance');
-- The primary key is added last, because the planner takes the last of several
-- indexes with equal costs: while statistics say that the table is nearly empty,
-- any index that contains the id costs the same for a look-up by id.
ALTER TABLE requests ADD PRIMARY KEY (id);
ALTER TABLE requests ADD FOREIGN KEY (retry_of) REFERENCES requests;

-- One SIM of a request; n is its place in the order of submission. There is no
-- index on state or on other columns that change, and pages have free space, so
-- that both updates of a transfer are heap-only updates.
CREATE TABLE transfers (
    request         uuid NOT NULL,
    n               integer NOT NULL,
    line            integer NOT NULL,
    sim             bigint,
    fee             bigint CHECK (fee >= 0),
    finished_at     timestamptz,
    session_dropped boolean NOT NULL DEFAULT false,
    state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'eligible', 'completed', 'ineligible',
                        'failed', 'canceled', 'declined', 'denied', 'expired')),
    identifier      text NOT NULL,
    method          text CHECK (method IN ('self_service', 'support_assisted')),
    reason          text CHECK (reason IN ('sim_not_found', 'sim_terminated', 'already_transferring', 'needs_support',
                        'plan_not_transferable', 'sim_locked', 'status_changed', 'owner_changed', 'account_closed',
                        'session_not_dropped', 'internal_error')),
    gateway_answer  text CHECK (length(gateway_answer) <= 500), -- the last one that did not end a session of the SIM
    PRIMARY KEY (request, n),
    CHECK ((reason IS NOT NULL) = (state IN ('ineligible', 'failed'))),
    CHECK ((state IN ('pending', 'eligible')) = (finished_at IS NULL)),
    CHECK (state NOT IN ('eligible', 'completed') OR (sim IS NOT NULL AND method IS NOT NULL))
) WITH (fillfactor = 40);

CREATE INDEX transfers_identifier ON transfers (identifier); -- the transfers of a SIM
-- For lists of requests by reason. Transfers that complete are not in it.
CREATE INDEX transfers_reason ON transfers (reason, request) WHERE reason IS NOT NULL;

-- A claim: a SIM has at most one open transfer. A transfer is open while it is
-- eligible.
CREATE TABLE open_transfers (
    sim     bigint PRIMARY KEY,
    request uuid NOT NULL,
    n       integer NOT NULL
);

-- The transfers that a partial acceptance chose; execution declines the others.
CREATE TABLE chosen (
    request uuid NOT NULL,
    n       integer NOT NULL,
    PRIMARY KEY (request, n)
);

-- The transfers that the source canceled while validation was running.
CREATE TABLE withdrawn (
    request uuid NOT NULL,
    n       integer NOT NULL,
    PRIMARY KEY (request, n)
);

-- The fee charged for a transfer. The key allows one per transfer.
CREATE TABLE charges (
    request    uuid NOT NULL,
    n          integer NOT NULL,
    account    bigint NOT NULL,
    amount     bigint NOT NULL CHECK (amount > 0),
    currency   text NOT NULL,
    charged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (request, n)
);

-- The work to be done. A row is inserted in the transaction that causes the work
-- and deleted in the transaction that does it; the transaction that holds the
-- row's lock owns the work. validate, execute and release work on a range of
-- transfers, from lo to below hi. The items of drop_sessions are numbers of
-- transfers; the one item of drop_stray is a radacctid.
CREATE TABLE work (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('validate', 'execute', 'drop_sessions', 'drop_stray', 'release')),
    request       uuid,
    lo            integer,
    hi            integer,
    items         bigint[],
    n             integer NOT NULL CHECK (n > 0),
    gateway       text,
    queue         text NOT NULL CHECK (queue IN ('interactive', 'gateway_interactive', 'bulk', 'gateway')),
    not_before    timestamptz NOT NULL DEFAULT clock_timestamp(),
    dispatched_at timestamptz,
    checked_at    timestamptz,
    suspect       boolean NOT NULL DEFAULT false,
    gen           integer NOT NULL DEFAULT 0,
    attempts      integer NOT NULL DEFAULT 0, -- number of attempts to disconnect the sessions at the gateway
    errors        integer NOT NULL DEFAULT 0, -- number of failures without a temporary cause
    crashes       integer NOT NULL DEFAULT 0, -- number of crashes and time-outs
    lease         uuid,
    lease_until   timestamptz,
    dead_at       timestamptz,
    error         text,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((kind = 'drop_stray') = (request IS NULL)),
    CHECK ((items IS NULL) = (lo IS NOT NULL AND hi IS NOT NULL)),
    CHECK (n = coalesce(cardinality(items), hi - lo))
) WITH (fillfactor = 50);
CREATE INDEX work_due ON work (queue, not_before) WHERE dispatched_at IS NULL AND dead_at IS NULL;
CREATE INDEX work_dispatched ON work (checked_at) WHERE dispatched_at IS NOT NULL AND dead_at IS NULL;
CREATE INDEX work_request ON work (request);

-- Every decision on a request and its outcomes, inserted in the transaction that
-- caused them: the audit trail and the event feed. A reader of all requests'
-- events reads them by (tx, id), up to the first transaction that is running and
-- may insert events. tx is the transaction that inserted the event or, if that is
-- later, the tx of the request's previous event: so the events of a request are
-- read in the order of seq.
CREATE TABLE events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tx         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    request    uuid NOT NULL,
    source      bigint, -- the accounts of the request, for their feeds
    destination bigint, -- null for events that the destination does not see
    seq        integer NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind       text NOT NULL CHECK (kind IN ('create', 'validate', 'reject', 'review', 'offer', 'approve', 'deny', 'accept',
                   'decline', 'cancel', 'expire', 'execute', 'drop_sessions', 'release', 'finish', 'retry')),
    party      text NOT NULL CHECK (party IN ('source', 'destination', 'support', 'system')),
    api_key    bigint,
    address    text, -- IP address of the caller
    from_state text,
    to_state   text,
    detail     jsonb NOT NULL DEFAULT '{}',
    UNIQUE (request, seq)
);
CREATE INDEX events_cursor ON events (tx, id);
CREATE INDEX events_source ON events (source, tx, id);
CREATE INDEX events_destination ON events (destination, tx, id);
CREATE INDEX events_key ON events (api_key, tx, id) WHERE api_key IS NOT NULL; -- what a key did

-- A transaction that calls this function declares that it writes no events, and
-- the event feed does not wait for it. Call it first in a long transaction, such
-- as one that corrects many rows by hand. Events that the transaction writes
-- nevertheless can be missed by readers of the feed. The lock is shared: it makes
-- no one wait, and ends with the transaction.
CREATE FUNCTION writes_no_events() RETURNS void
LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock_shared(1936289140, 1) $$;
