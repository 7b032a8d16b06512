package worker

import (
	"context"

	"simtransfer/storage"
)

// release closes the open transfers of a chunk after a cancel, decline, denial
// or expiry.
func (w *Worker) release(ctx context.Context, tx *storage.Tx, work storage.Work) error {
	counts, err := tx.Release(ctx, work)
	if err != nil {
		return err
	}
	return tx.CloseChunk(ctx, work, counts)
}
