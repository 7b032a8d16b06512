-- +goose Up

-- Staff look up what an email belongs to, such as accounts and people.
ALTER TABLE audit
    DROP CONSTRAINT audit_action_check,
    ADD CONSTRAINT audit_action_check CHECK (action IN (
        'mail.choice', 'mail.list',
        'webhook.create', 'webhook.update', 'webhook.delete', 'webhook.rotate', 'webhook.enable', 'webhook.disable', 'webhook.test', 'webhook.replay',
        'account.create', 'account.update', 'account.close', 'account.reopen', 'account.read', 'account.list', 'email.look_up',
        'key.create', 'key.rotate', 'key.revoke',
        'session.sign_in', 'session.sign_in_denied', 'session.sign_out', 'session.end',
        'person.update', 'person.disable', 'person.enable', 'membership.create', 'membership.update', 'membership.remove',
        'invitation.create', 'invitation.revoke', 'invitation.accept',
        'sim.import', 'sim.sync', 'sim.update', 'sim.status', 'sim.correct', 'sim.lock', 'sim.unlock',
        'sim.identifiers', 'sim.swap', 'sim.retire', 'sim.correct_owner', 'sim.bulk_change', 'sim.history',
        'plan.put', 'plan_mapping.put', 'plan_mapping.delete', 'fee.create', 'fee.delete', 'gateway.create', 'gateway.update', 'gateway.delete',
        'gateway.probe', 'queue.act', 'work.retry', 'data_session.close', 'data_session.drop', 'privacy.export', 'privacy.erase',
        'pull.create', 'pull.cancel', 'pull.approve', 'pull.refuse',
        'code.create', 'code.revoke', 'code.redeem', 'code.denied',
        'request.accept_on_behalf',
        'transfer.purge', 'export.create'));
