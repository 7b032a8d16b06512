package console_test

import (
	"fmt"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// iccid returns the n-th ICCID of the tests.
func iccid(n int) string { return fmt.Sprintf("8988211%012d", n) }

// makeSIMs imports SIMs of the source, numbered from 1.
func (s *testService) makeSIMs(n int, status transfer.Status) {
	s.t.Helper()
	if _, err := s.admin.PutPlan(s.t.Context(), "global-01", client.PlanSettings{}); err != nil {
		s.t.Fatal(err)
	}
	err := s.db.InTx(s.t.Context(), func(tx *storage.Tx) error {
		_, err := tx.ImportSIMs(s.t.Context(), storage.System(), func(yield func(storage.NewSIM) bool) {
			for i := 1; i <= n; i++ {
				if !yield(storage.NewSIM{
					ICCID: storagetest.Identifier(iccid(i)), IMSIs: []transfer.Identifier{storagetest.Identifier(fmt.Sprintf("00101%010d", i))},
					Account: sourceID, Status: status, Plan: "global-01",
				}) {
					return
				}
			}
		})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// doWork carries out the work that is pending, as a worker does.
func (s *testService) doWork() {
	s.t.Helper()
	for {
		var list []storage.Task
		for _, queue := range []transfer.Queue{transfer.QueueInteractive, transfer.QueueBulk} {
			some, err := s.db.Dispatch(s.t.Context(), queue, 100)
			if err != nil {
				s.t.Fatal(err)
			}
			list = append(list, some...)
		}
		if len(list) == 0 {
			return
		}
		for _, task := range list {
			if err := s.db.InTx(s.t.Context(), func(tx *storage.Tx) error { return carryOut(s, tx, task.Work) }); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

func carryOut(s *testService, tx *storage.Tx, id int64) error {
	ctx := s.t.Context()
	w, err := tx.LockWork(ctx, id)
	if err != nil {
		return err
	}
	switch w.Kind {
	case transfer.WorkValidate:
		claims, err := tx.Claim(ctx, w)
		if err != nil {
			return err
		}
		counts, err := tx.Judge(ctx, w, claims)
		if err != nil {
			return err
		}
		return tx.CloseValidation(ctx, w, counts)
	case transfer.WorkExecute:
		if err := tx.LockSIMs(ctx, w, nil); err != nil {
			return err
		}
		counts, err := tx.HandOver(ctx, w)
		if err != nil {
			return err
		}
		return tx.CloseChunk(ctx, w, counts)
	case transfer.WorkRelease:
		counts, err := tx.Release(ctx, w)
		if err != nil {
			return err
		}
		return tx.CloseChunk(ctx, w, counts)
	default:
		return fmt.Errorf("work %s is not expected here", w.Kind)
	}
}
