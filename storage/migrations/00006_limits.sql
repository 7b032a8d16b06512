-- +goose Up

-- Limits of what is stored, by any program. The API refuses longer texts
-- before they get here. The numbers are those of transfer/limits.go. Times that
-- come from outside have a year from 1 to 9999 in UTC, because RFC 3339, in which
-- the API shows them, has no others, and no infinity.

-- Reports whether a SIM can have these tags.
-- +goose StatementBegin
CREATE FUNCTION tags_within_limits(tags jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT count(*) <= 64
        AND coalesce(bool_and(
            length(key) BETWEEN 1 AND 128
            AND jsonb_typeof(value) = 'string'
            AND length(value #>> '{}') <= 256), true)
        AND coalesce(sum(octet_length(key) + octet_length(value #>> '{}')), 0) <= 32768
    FROM jsonb_each(tags)
$$;
-- +goose StatementEnd

ALTER TABLE accounts
    DROP CONSTRAINT accounts_email_check,
    -- The API writes addresses in lower case. lower() would depend on the locale.
    ADD CONSTRAINT accounts_email_check CHECK (email !~ '[A-Z]' AND octet_length(email) BETWEEN 1 AND 254),
    ADD CONSTRAINT accounts_coverage_limit CHECK (length(coverage) <= 64);

ALTER TABLE api_keys
    ADD CONSTRAINT api_keys_limits CHECK (length(name) BETWEEN 1 AND 100 AND length(hint) <= 64),
    ADD CONSTRAINT api_keys_times CHECK (
        expires_at >= '0001-01-01 00:00:00+00' AND expires_at < '10000-01-01 00:00:00+00'
        AND old_until >= '0001-01-01 00:00:00+00' AND old_until < '10000-01-01 00:00:00+00');

ALTER TABLE idempotency
    ADD CONSTRAINT idempotency_limits CHECK (length(key) <= 255 AND length(scope) <= 64);

ALTER TABLE plans
    ADD CONSTRAINT plans_name_check CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$');

ALTER TABLE fees
    ADD CONSTRAINT fees_amount_limit CHECK (amount <= 1000000000000),
    ADD CONSTRAINT fees_times CHECK (valid_from >= '0001-01-01 00:00:00+00' AND valid_from < '10000-01-01 00:00:00+00');

-- Transfers update sims, so these conditions are cheap for usual values: the
-- function is called only for tags that could be beyond a limit.
ALTER TABLE sims
    ADD CONSTRAINT sims_times CHECK (expiration >= '0001-01-01 00:00:00+00' AND expiration < '10000-01-01 00:00:00+00'),
    ADD CONSTRAINT sims_tags_limits CHECK (octet_length(tags::text) <= 128 AND NOT tags ? '' OR tags_within_limits(tags)),
    ADD CONSTRAINT sims_lists_limits CHECK (
        jsonb_array_length(event_handlers) <= 64 AND octet_length(event_handlers::text) <= 70000
        AND jsonb_array_length(containers) <= 64 AND octet_length(containers::text) <= 70000),
    ADD CONSTRAINT sims_names_limits CHECK (
        length(plan) <= 64 AND length(sim_group) BETWEEN 1 AND 128 AND length(speed_class) BETWEEN 1 AND 128
        AND length(imei_lock) BETWEEN 14 AND 16);

ALTER TABLE requests
    ADD CONSTRAINT requests_landing_limits CHECK (
        coalesce(length(landing ->> 'sim_group'), 0) <= 128 AND coalesce(length(landing ->> 'speed_class'), 0) <= 128
        AND (landing -> 'tags' IS NULL OR tags_within_limits(landing -> 'tags'))),
    ADD CONSTRAINT requests_ticket_limit CHECK (length(ticket) BETWEEN 1 AND 100),
    ADD CONSTRAINT requests_fee_limits CHECK (fee_override <= 1000000000000 AND length(fee_reason) BETWEEN 1 AND 500);

ALTER TABLE events
    ADD CONSTRAINT events_limits CHECK (octet_length(detail::text) <= 16384 AND length(address) <= 64);
