package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"simtransfer/client"
	"simtransfer/storage"
)

// syncedStatus returns the status of a SIM in the file of a sync: of one SIM in a
// hundred, another one than in the inventory.
func syncedStatus(number int) string {
	status := []string{"ready", "ready", "ready", "ready", "ready", "active", "active", "inactive", "standby", "suspended"}[kind(number)]
	switch {
	case number%100 != 7:
		return status
	case status == "suspended":
		return "active"
	}
	return "suspended"
}

// writeSyncFile writes the file of a sync, which has all identifiers, the owner, the
// status and the plan of n SIMs.
func writeSyncFile(name string, n int) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriter(f)
	fmt.Fprintln(out, "iccid,imsis,msisdns,account,status,plan")
	for i := range n {
		plan := "worldwide"
		if i%25 == 3 {
			plan = "regional"
		}
		fmt.Fprintf(out, "8999901%012d,00101%010d,88312%09d,%s,%s,%s\n", i, i, i, operatorID(source), syncedStatus(i), plan)
	}
	return out.Flush()
}

// handWrittenSync does the same without any rule, identifier or record, as psql
// would be used by hand.
const handWrittenSync = `
BEGIN;
CREATE TEMPORARY TABLE staged (iccid text, imsis text, msisdns text, account text, status text, plan text) ON COMMIT DROP;
\copy staged FROM '%s' CSV HEADER
UPDATE sims s
SET status = x.status, plan = x.plan
FROM staged x
WHERE s.iccid = x.iccid AND (s.status, s.plan) IS DISTINCT FROM (x.status, x.plan);
COMMIT;
`

// measureSync measures a sync of an inventory of which one SIM in a hundred has
// changed, by the API, the peak memory of the API, and what the same file takes as
// one COPY and one UPDATE, by psql.
func measureSync(ctx context.Context, h *harness) (err error) {
	template, err := h.inventory(ctx, h.SIMs)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "simtransfer-bench-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "inventory.csv")
	if err := writeSyncFile(file, h.SIMs); err != nil {
		return err
	}
	if err := h.syncByHand(ctx, template, file); err != nil {
		return err
	}
	return h.syncByAPI(ctx, template, file)
}

func (h *harness) syncByHand(ctx context.Context, template, file string) (err error) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		return fmt.Errorf("psql is not installed: %w", err)
	}
	db, err := h.copyTemplate(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
		return err
	}
	script := filepath.Join(filepath.Dir(file), "sync.sql")
	if err := os.WriteFile(script, fmt.Appendf(nil, handWrittenSync, file), 0o600); err != nil {
		return err
	}
	before, begin := h.usage(nil), time.Now()
	command := exec.CommandContext(ctx, psql, "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file="+script, h.stack.DatabaseURL(database))
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("running psql: %w\n%s", err, out)
	}
	used := h.usage(nil).since(before)
	used["bench"] += (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	h.recordRun(ctx, db, "sync_by_hand", time.Since(begin), used)
	return checkSynced(ctx, db, h.SIMs)
}

func (h *harness) syncByAPI(ctx context.Context, template, file string) error {
	return h.onService(ctx, template, func(db *storage.DB, s *service) error {
		if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
			return err
		}
		before, begin := h.usage(s), time.Now()
		synced, err := s.sync(ctx, file)
		if err != nil {
			return err
		}
		h.recordRun(ctx, db, "sync", time.Since(begin), h.usage(s).since(before))
		if want := h.SIMs / 100; synced.Changed != want || synced.Unchanged != h.SIMs-want {
			return fmt.Errorf("wrong result: %+v", synced)
		}
		if err := checkSynced(ctx, db, h.SIMs); err != nil {
			return err
		}
		begin = time.Now()
		if synced, err = s.sync(ctx, file); err != nil {
			return err
		}
		if synced.Unchanged != h.SIMs {
			return fmt.Errorf("wrong result of the second sync: %+v", synced)
		}
		h.record("sync_again_s", time.Since(begin).Seconds())
		peak, err := peakMemory(s.programs[0].Pid)
		if err != nil {
			return err
		}
		h.record("sync_api_peak_mib", peak)
		h.logf("  again in %.1f s; peak memory of the API %.0f MiB", time.Since(begin).Seconds(), peak)
		return check(ctx, db)
	}, "api")
}

func (s *service) sync(ctx context.Context, name string) (client.Synced, error) {
	f, err := os.Open(name)
	if err != nil {
		return client.Synced{}, err
	}
	defer f.Close()
	return s.admin.SyncSIMs(ctx, client.CSV, f, client.SyncOptions{})
}

// checkSynced checks that the SIMs have the statuses of the file.
func checkSynced(ctx context.Context, db *storage.DB, n int) error {
	var changed int
	if err := db.Pool().GetContext(ctx, &changed, `
		SELECT count(*) FROM changes WHERE kind = 'status_changed' AND after->>'status' IN ('suspended', 'active')`); err != nil {
		return err
	}
	if changed != n/100 {
		return fmt.Errorf("wrong result: %d SIMs changed, want %d", changed, n/100)
	}
	return nil
}
