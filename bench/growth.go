package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"simtransfer/storage"
)

// The large inventory has 50 times as many SIMs as a batch; 30 times as many have
// been transferred before. Some of the others are for the measured batches.
const (
	growthTimes  = 50
	historyTimes = 30
	growthRounds = 5
)

// scattered is the number of SIMs in every 50 that are in scattered batches, one in
// each batch.
const scattered = growthRounds

// scatteredBatch returns SIMs that are evenly distributed over the inventory.
func scatteredBatch(n, round int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i*growthTimes + round
	}
	return list
}

// adjacentBatch returns SIMs that are adjacent in the inventory.
func adjacentBatch(n, round int) []int {
	const dense = growthTimes - scattered
	list := make([]int, n)
	for i := range list {
		list[i] = (round*groupsPerBatch(n)+i/dense)*growthTimes + scattered + i%dense
	}
	return list
}

// groupsPerBatch returns how many groups of 50 SIMs an adjacent batch of n extends
// over.
func groupsPerBatch(n int) int { return (n + growthTimes - scattered - 1) / (growthTimes - scattered) }

// measureGrowth alternately executes batches of the same size in a small and in a
// large inventory.
func measureGrowth(ctx context.Context, h *harness) (err error) {
	const name = "growth"
	requests := map[string][]uuid.UUID{}
	if err := h.template(ctx, name, "", func(ctx context.Context, db *storage.DB) error {
		return h.seedGrowth(ctx, name, db)
	}); err != nil {
		return err
	}
	db, err := h.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rounds := growthRounds
	if h.Rounds > 0 {
		rounds = min(h.Rounds, rounds)
	}
	s, err := h.serve(ctx, name, db)
	if err != nil {
		return err
	}
	for round := range rounds {
		for figure, numbers := range map[string][]int{
			"growth_scattered": scatteredBatch(h.SIMs, round),
			"growth_adjacent":  adjacentBatch(h.SIMs, round),
		} {
			h.logf("creating a batch for %s", figure)
			request, err := s.createAndApprove(ctx, numbers, forth())
			if err != nil {
				return s.stopAfter(err)
			}
			requests[figure] = append(requests[figure], request)
		}
	}
	if err := s.stopAfter(nil); err != nil {
		return err
	}
	for round := range rounds {
		if err := measureExecute(ctx, h, "growth_small", nil); err != nil {
			return err
		}
		for figure, list := range requests {
			if err := h.executeOn(ctx, name, db, list[round], figure, h.vacuumAndCheckpoint); err != nil {
				return err
			}
		}
	}
	var moved int
	if err := db.Pool().GetContext(ctx, &moved, `SELECT count(*) FROM sims WHERE account = $1`, destination); err != nil {
		return err
	}
	if moved != 2*rounds*h.SIMs {
		return fmt.Errorf("wrong result: %d SIMs at the destination, want %d", moved, 2*rounds*h.SIMs)
	}
	return check(ctx, db)
}

// seedGrowth creates the large inventory with its history. The earlier transfers of
// the other accounts have 10,000 SIM numbers each.
func (h *harness) seedGrowth(ctx context.Context, name string, db *storage.DB) error {
	const block = 10000
	n := growthTimes * h.SIMs
	adjacent := growthRounds * groupsPerBatch(h.SIMs) * growthTimes
	// From this number on, the SIMs that are in no scattered batch were transferred before.
	moved := (n - historyTimes*h.SIMs*growthTimes/(growthTimes-scattered)) / block * block
	if moved < adjacent {
		return fmt.Errorf("-sims %d is too small to measure growth", h.SIMs)
	}
	var (
		isScattered = fmt.Sprintf("i %% %d < %d", growthTimes, scattered)
		isMoved     = fmt.Sprintf("i >= %d AND NOT %s", moved, isScattered)
		owner       = fmt.Sprintf("%d + i / %d %% %d", destination+1, block, others)
		earlier     = fmt.Sprintf("%d + (i / %d + 1) %% %d", destination+1, block, others)
		request     = fmt.Sprintf("('01900000-0000-7000-8000-' || lpad(to_hex(i / %d), 12, '0'))::uuid", block)
		number      = fmt.Sprintf("(i %% %d / %d * %d + i %% %d - %d)::int", block, growthTimes, growthTimes-scattered, growthTimes, scattered)
	)
	if err := h.seedAccounts(ctx, name, db); err != nil {
		return err
	}
	if err := seedSIMs(ctx, db, n, holding{
		account: fmt.Sprintf("CASE WHEN %s OR i < %d THEN %d ELSE %s END", isScattered, adjacent, source, owner),
		request: fmt.Sprintf("CASE WHEN %s THEN %s END", isMoved, request),
		n:       fmt.Sprintf("CASE WHEN %s THEN %s END", isMoved, number),
	}); err != nil {
		return err
	}
	h.logf("creating %d earlier transfers", historyTimes*h.SIMs)
	return seedMoves(ctx, db, moved, n, moves{which: isMoved, from: earlier, to: owner, request: request, n: number, at: "clock_timestamp()"})
}

// moves holds SQL expressions for earlier transfers of the SIMs with the numbers i.
type moves struct {
	which    string // which SIMs were transferred; a condition
	from, to string // the accounts; the same for all SIMs of a request
	request  string
	n        string
	at       string // when a request was completed
}

// seedMoves creates the earlier transfers of the SIMs with the numbers from lo to hi-1,
// and their requests.
func seedMoves(ctx context.Context, db *storage.DB, lo, hi int, m moves) error {
	for ; lo < hi; lo += bulk {
		from := fmt.Sprintf(`FROM (SELECT id - 1 AS i, * FROM sims WHERE id > %d AND id <= %d ORDER BY id) s WHERE %s`, lo, min(lo+bulk, hi), m.which)
		for _, statement := range []string{
			`
			INSERT INTO registrations (sim, since, account)
			SELECT id, since - interval '1 year', ` + m.from + ` ` + from, `
			INSERT INTO transfers (request, n, line, sim, fee, finished_at, state, identifier, method)
			SELECT ` + m.request + `, ` + m.n + `, ` + m.n + ` + 1, id, CASE WHEN ` + kindSQL + ` < 5 THEN 0 ELSE ` + fmt.Sprint(fee) + ` END,
				since, 'completed', iccid, CASE WHEN ` + kindSQL + ` < 5 THEN 'self_service' ELSE 'support_assisted' END ` + from, `
			INSERT INTO charges (request, n, account, amount, currency, charged_at)
			SELECT ` + m.request + `, ` + m.n + `, ` + m.from + `, ` + fmt.Sprint(fee) + `, 'EUR', ` + m.at + ` ` + from + ` AND ` + kindSQL + ` >= 5`,
		} {
			if _, err := db.Pool().ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("seeding earlier transfers: %w", err)
			}
		}
	}
	if _, err := db.Pool().ExecContext(ctx, `
		INSERT INTO requests (id, source, destination, acceptance, review, queue, state, size, n_left, n_completed, any_self_service, any_support_assisted, charged,
			created_at, offered_at, finished_at)
		SELECT t.request, t.earlier, t.owner, '1 day', '7 days', 'bulk', 'completed', t.size, 0, t.size, t.self_service, t.support_assisted, t.charged, t.at, t.at, t.at
		FROM (
			SELECT request, min(`+m.from+`) AS earlier, min(`+m.to+`) AS owner, count(*) AS size, sum(fee) AS charged,
				bool_or(method = 'self_service') AS self_service, bool_or(method = 'support_assisted') AS support_assisted, min(`+m.at+`) AS at
			FROM (SELECT request, sim - 1 AS i, fee, method FROM transfers) t
			GROUP BY request
		) t
		ORDER BY t.request`); err != nil {
		return fmt.Errorf("seeding earlier requests: %w", err)
	}
	if _, err := db.Pool().ExecContext(ctx, `
		INSERT INTO changes (kind, source, destination, request, numbers)
		SELECT 'transferred', source, destination, id, int4multirange(int4range(0, size))
		FROM requests
		ORDER BY id`); err != nil {
		return fmt.Errorf("seeding earlier changes: %w", err)
	}
	return nil
}
