package worker

import (
	"context"

	"simtransfer/storage"
)

// execute hands over the SIMs of a chunk. Those that are online go to drop
// work; the last chunk of a request completes it.
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
