-- +goose Up

-- An export is an act of the audit trail.
ALTER TABLE audit
    DROP CONSTRAINT audit_action_check,
    ADD CONSTRAINT audit_action_check CHECK (action IN ('account.create', 'account.update', 'account.close', 'account.reopen',
                   'account.read', 'account.list', 'key.create', 'key.rotate', 'key.revoke', 'session.sign_in',
                   'session.sign_in_denied', 'session.sign_out', 'sim.import', 'sim.sync', 'sim.update', 'sim.status', 'sim.correct',
                   'sim.lock', 'sim.unlock', 'sim.history', 'plan.put', 'fee.create', 'fee.delete', 'queue.act',
                   'work.retry', 'data_session.close', 'privacy.export', 'privacy.erase', 'transfer.purge',
                   'gateway.create', 'gateway.update', 'gateway.delete', 'gateway.probe', 'export.create'));
