package worker

import (
	"context"

	"simtransfer/storage"
)

// execute transfers the SIMs of a chunk. SIMs with an open session move to
// drop_sessions work. The last chunk of a request completes it.
func (w *Worker) execute(ctx context.Context, tx *storage.Tx, work storage.Work) error {
	if err := tx.LockSIMs(ctx, work, nil); err != nil {
		return err
	}
	counts, err := tx.HandOver(ctx, work)
	if err != nil {
		return err
	}
	return tx.CloseChunk(ctx, work, counts)
}
