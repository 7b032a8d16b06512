package scheduler

import (
	"context"
	"errors"

	"simtransfer/transfer"
)

// purgeBatch is how many rows of a table one call deletes.
const purgeBatch = 10000

// Purge deletes stored responses of idempotent calls after 24 hours, the notes of
// partial decisions on requests that are finished, and what is older than the
// retention periods.
func (s *Scheduler) Purge(ctx context.Context) (more bool, err error) {
	responses, err := s.db.PurgeIdempotency(ctx, purgeBatch)
	notes, err2 := s.db.PurgeNotes(ctx, purgeBatch)
	addresses, err3 := s.db.EraseOldAddresses(ctx, s.config.KeepAddresses, purgeBatch)
	audit, err4 := s.db.PurgeAudit(ctx, s.config.KeepAudit, purgeBatch)
	unknown, err5 := s.db.PurgeUnknown(ctx, s.config.KeepUnknown, purgeBatch)
	offers, err6 := s.db.PurgeOffers(ctx, s.config.KeepOffers, purgeBatch)
	messages, err7 := s.db.PurgeMessages(ctx, transfer.KeepWebhookMessages, purgeBatch)
	mails, err8 := s.db.PurgeMails(ctx, transfer.KeepMails, purgeBatch)
	return max(responses, notes, addresses, audit, unknown, offers, messages, mails) >= purgeBatch, errors.Join(err, err2, err3, err4, err5, err6, err7, err8) // notes counts rows of two tables
}
