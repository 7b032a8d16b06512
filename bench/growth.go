package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"simtransfer/storage"
)

// The large inventory: 50 times the SIMs of a batch, of which 30 have been
// transferred before. Some of the rest are set aside for the batches that are
// measured.
const (
	growthTimes  = 50
	historyTimes = 30
	growthRounds = 5
)

// Of every 50 SIMs in a row, 5 belong to scattered batches, one to each.
const scattered = growthRounds

// scatteredBatch has SIMs from all over the inventory, none near another.
func scatteredBatch(n, round int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i*growthTimes + round
	}
	return list
}

// togetherBatch has SIMs that came into the inventory one after the other.
func togetherBatch(n, round int) []int {
	const dense = growthTimes - scattered
	list := make([]int, n)
	for i := range list {
		list[i] = (round*rowsOfTogether(n)+i/dense)*growthTimes + scattered + i%dense
	}
	return list
}

// rowsOfTogether is how many times 50 SIMs a batch of n reaches over.
func rowsOfTogether(n int) int { return (n + growthTimes - scattered - 1) / (growthTimes - scattered) }

// measureGrowth executes batches of the same size in a small and in a large
// inventory, in turns.
func measureGrowth(ctx context.Context, b *bed) (err error) {
	const name = "growth"
	requests := map[string][]uuid.UUID{}
	if err := b.template(ctx, name, "", func(ctx context.Context, db *storage.DB) error {
		return b.seedGrowth(ctx, name, db)
	}); err != nil {
		return err
	}
	db, err := b.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rounds := growthRounds
	if b.Rounds > 0 {
		rounds = min(b.Rounds, rounds)
	}
	s, err := b.serve(ctx, name, db)
	if err != nil {
		return err
	}
	for round := range rounds {
		for figure, numbers := range map[string][]int{
			"growth_scattered": scatteredBatch(b.SIMs, round),
			"growth_together":  togetherBatch(b.SIMs, round),
		} {
			b.say("offering a batch of %s", figure)
			request, err := s.offer(ctx, numbers, forth())
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
		if err := measureExecute(ctx, b, "growth_small", false); err != nil {
			return err
		}
		for figure, list := range requests {
			if err := b.executeOn(ctx, name, db, list[round], figure); err != nil {
				return err
			}
		}
	}
	var moved int
	if err := db.Pool().GetContext(ctx, &moved, `SELECT count(*) FROM sims WHERE account = $1`, destination); err != nil {
		return err
	}
	if moved != 2*rounds*b.SIMs {
		return fmt.Errorf("the work was not done: %d SIMs at the destination, want %d", moved, 2*rounds*b.SIMs)
	}
	return check(ctx, db)
}

// seedGrowth makes the large inventory with its history. SIMs of the other
// accounts change hands by ten thousand numbers.
func (b *bed) seedGrowth(ctx context.Context, name string, db *storage.DB) error {
	const block = 10000
	n := growthTimes * b.SIMs
	together := growthRounds * rowsOfTogether(b.SIMs) * growthTimes
	// Of the numbers from here on, those that are in no scattered batch were transferred before.
	moved := (n - historyTimes*b.SIMs*growthTimes/(growthTimes-scattered)) / block * block
	if moved < together {
		return fmt.Errorf("too few SIMs to measure growth with: %d", b.SIMs)
	}
	var (
		isScattered = fmt.Sprintf("i %% %d < %d", growthTimes, scattered)
		isMoved     = fmt.Sprintf("i >= %d AND NOT %s", moved, isScattered)
		owner       = fmt.Sprintf("%d + i / %d %% %d", destination+1, block, others)
		earlier     = fmt.Sprintf("%d + (i / %d + 1) %% %d", destination+1, block, others)
		request     = fmt.Sprintf("('01900000-0000-7000-8000-' || lpad(to_hex(i / %d), 12, '0'))::uuid", block)
		number      = fmt.Sprintf("(i %% %d / %d * %d + i %% %d - %d)::int", block, growthTimes, growthTimes-scattered, growthTimes, scattered)
	)
	if err := b.seedAccounts(ctx, name, db); err != nil {
		return err
	}
	if err := seedSIMs(ctx, db, n, holding{
		account: fmt.Sprintf("CASE WHEN %s OR i < %d THEN %d ELSE %s END", isScattered, together, source, owner),
		request: fmt.Sprintf("CASE WHEN %s THEN %s END", isMoved, request),
		n:       fmt.Sprintf("CASE WHEN %s THEN %s END", isMoved, number),
	}); err != nil {
		return err
	}
	b.say("making %d earlier transfers", historyTimes*b.SIMs)
	for lo := moved; lo < n; lo += bulk {
		from := fmt.Sprintf(`FROM (SELECT id - 1 AS i, * FROM sims WHERE id > %d AND id <= %d ORDER BY id) s WHERE %s`, lo, min(lo+bulk, n), isMoved)
		for _, statement := range []string{
			`
			INSERT INTO registrations (sim, since, account)
			SELECT id, since - interval '1 year', ` + earlier + ` ` + from, `
			INSERT INTO transfers (request, n, line, sim, fee, finished_at, state, identifier, method)
			SELECT ` + request + `, ` + number + `, ` + number + ` + 1, id, CASE WHEN ` + kindSQL + ` < 5 THEN 0 ELSE ` + fmt.Sprint(fee) + ` END,
				since, 'completed', iccid, CASE WHEN ` + kindSQL + ` < 5 THEN 'self_service' ELSE 'support_assisted' END ` + from, `
			INSERT INTO charges (request, n, account, amount, currency)
			SELECT ` + request + `, ` + number + `, ` + earlier + `, ` + fmt.Sprint(fee) + `, 'EUR' ` + from + ` AND ` + kindSQL + ` >= 5`,
		} {
			if _, err := db.Pool().ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("seeding earlier transfers: %w", err)
			}
		}
	}
	if _, err := db.Pool().ExecContext(ctx, `
		INSERT INTO requests (id, source, destination, acceptance, review, queue, state, size, n_left, n_completed, charged, finished_at)
		SELECT t.request, t.earlier, t.owner, '1 day', '7 days', 'bulk', 'completed', t.size, 0, t.size, t.charged, clock_timestamp()
		FROM (
			SELECT request, min(`+earlier+`) AS earlier, min(`+owner+`) AS owner, count(*) AS size, sum(fee) AS charged
			FROM (SELECT request, sim - 1 AS i, fee FROM transfers) t
			GROUP BY request
		) t
		ORDER BY t.request`); err != nil {
		return fmt.Errorf("seeding earlier requests: %w", err)
	}
	return nil
}
