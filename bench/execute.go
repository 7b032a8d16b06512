package main

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"simtransfer/storage"
)

// measureOffline takes the time from the call that accepts a request to the
// last of its transfers, with no session open.
func measureOffline(ctx context.Context, b *bed) error {
	return measureExecute(ctx, b, "simtransfer", false)
}

// measureOnline is the same with a tenth of the SIMs online.
func measureOnline(ctx context.Context, b *bed) error {
	return measureExecute(ctx, b, "online", true)
}

func measureExecute(ctx context.Context, b *bed, figure string, online bool) (err error) {
	template, err := b.offered(ctx, b.SIMs)
	if err != nil {
		return err
	}
	db, err := b.fresh(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	want := expected{moved: b.SIMs, whole: true}
	if online {
		if want.dropped, err = b.connect(ctx, db, upTo(b.SIMs)); err != nil {
			return err
		}
	}
	request, err := offeredRequest(ctx, db)
	if err != nil {
		return err
	}
	if err := b.executeOn(ctx, database, db, request, figure); err != nil {
		return err
	}
	return verify(ctx, db, want)
}

// executeOn has a service of its own execute a request of a database.
func (b *bed) executeOn(ctx context.Context, name string, db *storage.DB, request uuid.UUID, figure string) (err error) {
	s, err := b.serve(ctx, name, db)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	if err := b.settle(ctx, db); err != nil {
		return err
	}
	before := b.usage(s)
	took, err := s.execute(ctx, request, forth(), looking)
	if err != nil {
		return err
	}
	b.took(ctx, db, figure, took, b.usage(s).since(before))
	return nil
}
