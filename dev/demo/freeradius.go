package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"simtransfer/dev/freeradius"
	"simtransfer/dev/sample"
	"simtransfer/dev/stack"
)

// startFreeRADIUS starts a FreeRADIUS that writes into the service's database, as a
// database user with only the rights for it.
func startFreeRADIUS(ctx context.Context, s *stack.Stack) (*freeradius.Server, error) {
	if _, err := s.DB.Pool().ExecContext(ctx, freeradius.Rights); err != nil {
		return nil, fmt.Errorf("creating the database user of FreeRADIUS: %w", err)
	}
	connection, err := freeradius.Connection(s.DatabaseURL(stack.Database), freeradius.Role)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.Dir(), "freeradius")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return freeradius.Start(ctx, freeradius.Options{Dir: dir, Connection: connection, Secret: sample.GatewaySecret})
}

// countReports counts what the gateways have reported to FreeRADIUS, and what it has
// stored, after the last report was answered.
func (d *demo) countReports(ctx context.Context, r *report) error {
	reported := d.Reported()
	for reported.Stops+reported.Failed < reported.Disconnected {
		if err := pollPause(ctx); err != nil {
			return err
		}
		reported = d.Reported()
	}
	r.StartsReported, r.StopsReported = reported.Starts, reported.Disconnected
	var stored struct {
		Starts int `db:"starts"`
		Stops  int `db:"stops"`
	}
	// Only FreeRADIUS fills in these columns.
	if err := d.Stack.DB.Pool().GetContext(ctx, &stored, `
		SELECT
			count(acctauthentic) AS starts,
			count(connectinfo_stop) AS stops
		FROM radius.radacct`); err != nil {
		return fmt.Errorf("reading the sessions: %w", err)
	}
	r.StartsStored, r.StopsStored = stored.Starts, stored.Stops
	return nil
}
