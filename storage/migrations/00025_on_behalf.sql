-- +goose Up

-- Why support accepted a request on behalf of its destination; null if it did not.

ALTER TABLE requests
    ADD COLUMN on_behalf_reason text CHECK (length(on_behalf_reason) BETWEEN 1 AND 500),
    ADD COLUMN on_behalf_ticket text CHECK (length(on_behalf_ticket) BETWEEN 1 AND 100),
    ADD CONSTRAINT requests_on_behalf_check CHECK (num_nulls(on_behalf_reason, on_behalf_ticket) IN (0, 2));

CREATE INDEX requests_on_behalf_ticket ON requests (on_behalf_ticket) WHERE on_behalf_ticket IS NOT NULL;

ALTER TABLE audit
    DROP CONSTRAINT audit_action_check,
    ADD CONSTRAINT audit_action_check CHECK (action IN (
        'account.create', 'account.update', 'account.close', 'account.reopen', 'account.read', 'account.list',
        'key.create', 'key.rotate', 'key.revoke', 'session.sign_in', 'session.sign_in_denied', 'session.sign_out',
        'sim.import', 'sim.sync', 'sim.update', 'sim.status', 'sim.correct', 'sim.lock', 'sim.unlock',
        'sim.identifiers', 'sim.swap', 'sim.retire', 'sim.correct_owner', 'sim.bulk_change', 'sim.history',
        'plan.put', 'plan_mapping.put', 'plan_mapping.delete', 'fee.create', 'fee.delete', 'gateway.create', 'gateway.update', 'gateway.delete',
        'gateway.probe', 'queue.act', 'work.retry', 'data_session.close', 'privacy.export', 'privacy.erase',
        'pull.create', 'pull.cancel', 'pull.approve', 'pull.refuse',
        'code.create', 'code.revoke', 'code.redeem', 'code.denied',
        'request.accept_on_behalf',
        'transfer.purge', 'export.create'));
