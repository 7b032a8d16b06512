package main

import (
	"context"
	"fmt"
	"slices"

	"simtransfer/storage"
)

// measureBytes measures how many bytes of tables and indexes, and of WAL, a SIM, a
// transfer and a data session take. Tables are vacuumed before they are measured.
func measureBytes(ctx context.Context, h *harness) error {
	template, err := h.inventory(ctx, h.SIMs)
	if err != nil {
		return err
	}
	return h.onService(ctx, template, func(db *storage.DB, s *service) error {
		var inventory int
		if err := db.Pool().GetContext(ctx, &inventory, `SELECT count(*) FROM sims`); err != nil {
			return err
		}
		if err := h.bytesOf(ctx, db, "sim", inventory, nil); err != nil {
			return err
		}
		if err := h.bytesOf(ctx, db, "batch_transfer", h.SIMs, func() error {
			_, err := s.endToEnd(ctx, upTo(h.SIMs), forth())
			return err
		}); err != nil {
			return err
		}
		if err := h.bytesOf(ctx, db, "request", singles, func() error {
			requests, err := s.createSingles(ctx, readySpares(h.SIMs, singles))
			if err != nil {
				return err
			}
			for _, request := range requests {
				if _, err := s.execute(ctx, request, forth(), singlePoll); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		sessions := 0
		for _, number := range upTo(h.SIMs) {
			if isOnline(number) {
				sessions++
			}
		}
		if err := h.bytesOf(ctx, db, "session", sessions, func() error {
			_, err := h.connect(ctx, db, upTo(h.SIMs))
			return err
		}); err != nil {
			return err
		}
		return check(ctx, db)
	})
}

// bytesOf records by how many bytes the tables and the WAL grow while do runs, for
// each of n things. Without do, it records the tables as they are.
func (h *harness) bytesOf(ctx context.Context, db *storage.DB, figure string, n int, do func() error) error {
	before, walBefore := map[string]int64{}, int64(0)
	var err error
	if do != nil {
		if before, err = tableBytes(ctx, db); err != nil {
			return err
		}
		if walBefore, err = walBytes(ctx, db); err != nil {
			return err
		}
		if err := do(); err != nil {
			return err
		}
		wal, err := walBytes(ctx, db)
		if err != nil {
			return err
		}
		h.record("bytes_"+figure+"_wal", float64((wal-walBefore)/int64(n)))
	}
	after, err := tableBytes(ctx, db)
	if err != nil {
		return err
	}
	var tables []string
	total := int64(0)
	for name := range after {
		if each := (after[name] - before[name]) / int64(n); each > 0 {
			tables = append(tables, fmt.Sprintf("%s %d", name, each))
		}
		total += after[name] - before[name]
	}
	slices.Sort(tables)
	h.logf("  bytes for each %s: %d in tables and indexes %v", figure, total/int64(n), tables)
	h.record("bytes_"+figure, float64(total/int64(n)))
	return nil
}

// tableBytes returns the size of each table with its indexes, after a VACUUM.
func tableBytes(ctx context.Context, db *storage.DB) (map[string]int64, error) {
	if _, err := db.Pool().ExecContext(ctx, `VACUUM`); err != nil {
		return nil, fmt.Errorf("vacuuming: %w", err)
	}
	var rows []struct {
		Name  string `db:"relname"`
		Bytes int64  `db:"bytes"`
	}
	if err := db.Pool().SelectContext(ctx, &rows, `
		SELECT relname, pg_total_relation_size(relid) AS bytes
		FROM pg_stat_user_tables
		WHERE schemaname IN ('public', 'radius')`); err != nil {
		return nil, fmt.Errorf("measuring tables: %w", err)
	}
	sizes := map[string]int64{}
	for _, r := range rows {
		sizes[r.Name] = r.Bytes
	}
	return sizes, nil
}

// walBytes returns how many bytes of WAL the server has written.
func walBytes(ctx context.Context, db *storage.DB) (n int64, err error) {
	err = db.Pool().GetContext(ctx, &n, `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`)
	if err != nil {
		return 0, fmt.Errorf("measuring the WAL: %w", err)
	}
	return n, nil
}
