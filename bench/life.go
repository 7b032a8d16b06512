package main

import (
	"context"
	"errors"
)

// measureLife takes the time from the first byte of an upload to the last
// transfer. Support and the destination decide as soon as they can.
func measureLife(ctx context.Context, b *bed) (err error) {
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
	before := b.usage(s)
	p, err := s.live(ctx, upTo(b.SIMs), forth())
	if err != nil {
		return err
	}
	b.took(ctx, db, "whole_life", p.total(), b.usage(s).since(before))
	b.say("  upload %v, validation %v, approval %v, execution %v; %d calls", p.upload, p.validate, p.approve, p.execute, p.calls)
	b.add("life_upload_s", p.upload.Seconds())
	b.add("life_validate_s", p.validate.Seconds())
	b.add("life_execute_s", (p.approve + p.execute).Seconds())
	b.add("life_calls", float64(p.calls))
	return verify(ctx, db, expected{moved: b.SIMs, whole: true})
}
