package worker

import (
	"context"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// validate finds and claims the SIMs of a chunk, and decides each one's method,
// eligibility and fee. The last chunk of a request decides whether the request
// is rejected, needs review or can be accepted.
func (w *Worker) validate(ctx context.Context, tx *storage.Tx, work storage.Work) error {
	if work.State == transfer.RequestCanceled {
		counts, err := tx.CancelPending(ctx, work)
		if err != nil {
			return err
		}
		return tx.CloseValidation(ctx, work, counts)
	}
	claims, err := tx.Claim(ctx, work)
	if err != nil {
		return err
	}
	counts, err := tx.Judge(ctx, work, claims)
	if err != nil {
		return err
	}
	return tx.CloseValidation(ctx, work, counts)
}
