package worker

import (
	"context"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// validate finds each SIM of a chunk, claims it, and decides method,
// eligibility and fee. The last chunk of a request opens the gate.
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
