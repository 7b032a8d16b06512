package main

import (
	"context"
	"errors"
	"fmt"
)

// backAndForth is how many batches follow each other.
const backAndForth = 10

// measureVacuum moves the same SIMs back and forth between two accounts, one
// batch right after the other, and sees whether the last is as fast as the
// first: whether vacuum keeps up.
func measureVacuum(ctx context.Context, b *bed) (err error) {
	template, err := b.inventory(ctx, b.SIMs)
	if err != nil {
		return err
	}
	db, err := b.fresh(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := b.serve(ctx, database, db)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	if err := b.settle(ctx, db); err != nil {
		return err
	}
	for i := range backAndForth {
		d := forth()
		if i%2 == 1 {
			d = back()
		}
		p, err := s.live(ctx, upTo(b.SIMs), d)
		if err != nil {
			return err
		}
		b.say("  batch %d: %.2f s, of which execution %.2f s", i+1, p.total().Seconds(), p.execute.Seconds())
		b.add(fmt.Sprintf("vacuum_life_%02d_s", i+1), p.total().Seconds())
		b.add(fmt.Sprintf("vacuum_execute_%02d_s", i+1), p.execute.Seconds())
	}
	return check(ctx, db)
}
