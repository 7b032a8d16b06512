package worker

import (
	"context"

	"simtransfer/storage"
)

// dropStray disconnects a session that outlived its SIM's transfer: its start
// was reported late, after the SIM had a new owner.
func (w *Worker) dropStray(ctx context.Context, work storage.Work) error {
	sessions, err := w.db.SessionsOf(ctx, work)
	if err != nil {
		return err
	}
	var refused storage.Refusals
	gone, err := w.drop(ctx, []int64{0}, map[int64][]storage.OpenSession{0: sessions}, &refused)
	if err != nil {
		return err
	}
	if len(gone) < len(sessions) {
		return w.requeue(ctx, work, refused)
	}
	return w.db.InTx(ctx, func(tx *storage.Tx) error {
		current, err := tx.LockLeased(ctx, work)
		if err != nil {
			return err
		}
		if err := tx.CloseSessions(ctx, current.Items); err != nil {
			return err
		}
		return tx.EndStray(ctx, current)
	})
}
