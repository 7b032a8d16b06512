package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/radius"
	"simtransfer/storage"
)

// measureGateways measures how long the SIMs take that are offline or at one of two
// gateways, while the third gateway answers, and while it does not. A tenth of the
// SIMs are online.
func measureGateways(ctx context.Context, h *harness) (err error) {
	third, err := radius.SimulateGateway("127.0.0.1:0", []byte(gatewaySecret), radius.Behavior{})
	if err != nil {
		return err
	}
	two := h.gateways
	h.gateways = append(h.gateways[:len(two):len(two)], third)
	defer func() {
		h.gateways = two
		err = errors.Join(err, third.Close())
	}()
	for _, run := range []struct {
		figure string
		silent bool
	}{{"gateways_up", false}, {"gateways_one_dead", true}} {
		third.SetBehavior(radius.Behavior{Silent: run.silent})
		if err := h.executeOthers(ctx, run.figure, run.silent); err != nil {
			return err
		}
	}
	return nil
}

// executeOthers measures the time from the accept call to the last transfer of a SIM
// that is not at the last gateway.
func (h *harness) executeOthers(ctx context.Context, figure string, silent bool) (err error) {
	template, err := h.approvedTemplate(ctx, h.SIMs)
	if err != nil {
		return err
	}
	db, err := h.copyTemplate(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := h.connect(ctx, db, upTo(h.SIMs)); err != nil {
		return err
	}
	request, err := approvedRequest(ctx, db)
	if err != nil {
		return err
	}
	s, err := h.serve(ctx, database, db)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
		return err
	}
	const atLast = `
		SELECT count(*)
		FROM transfers t
		JOIN radius.radacct a ON a.sim = t.sim AND a.nasipaddress = $2::inet
		WHERE t.request = $1`
	last := gatewayAddress(len(h.gateways) - 1)
	var waiting int
	if err := db.Pool().GetContext(ctx, &waiting, atLast, request, last); err != nil {
		return err
	}
	if !silent {
		waiting = 0
	}
	var start time.Time
	if err := db.Pool().GetContext(ctx, &start, `SELECT clock_timestamp()`); err != nil {
		return err
	}
	before := h.usage(s)
	if _, err := s.accounts[destination].AcceptRequest(ctx, request, client.Acceptance{}); err != nil {
		return err
	}
	if err := s.await(ctx, batchPoll, func(ctx context.Context) (bool, error) {
		var left int
		err := db.Pool().GetContext(ctx, &left, `SELECT n_left FROM requests WHERE id = $1`, request)
		return left <= waiting, err
	}); err != nil {
		return err
	}
	used := h.usage(s).since(before)
	took, err := h.othersTook(ctx, db, request, last, start)
	if err != nil {
		return err
	}
	h.recordRun(ctx, db, figure, took, used)
	return nil
}

// othersTook returns the time until the last transfer of a SIM without a session at a
// gateway, and an error unless all of these are completed.
func (h *harness) othersTook(ctx context.Context, db *storage.DB, request uuid.UUID, gateway string, start time.Time) (time.Duration, error) {
	var others struct {
		Open int       `db:"open"`
		Last time.Time `db:"last"`
	}
	if err := db.Pool().GetContext(ctx, &others, `
		SELECT count(*) FILTER (WHERE state <> 'completed') AS open, max(finished_at) AS last
		FROM transfers t
		WHERE request = $1 AND NOT EXISTS (SELECT FROM radius.radacct a WHERE a.sim = t.sim AND a.nasipaddress = $2::inet)`, request, gateway); err != nil {
		return 0, err
	}
	if others.Open > 0 {
		return 0, fmt.Errorf("%d SIMs that are not at gateway %s were not transferred", others.Open, gateway)
	}
	return others.Last.Sub(start), nil
}
