package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"simtransfer/dev/freeradius"
	"simtransfer/dev/servers"
	"simtransfer/storage"
)

// serveFreeRADIUS starts FreeRADIUS with the files in deployments/freeradius.
func serveFreeRADIUS(ctx context.Context, h *harness, _ *storage.DB) (*accountingServer, error) {
	return h.startFreeRADIUS(ctx, "radius", func(module string) string { return module }, "simtransfer_accounting")
}

// serveStockAccounting starts FreeRADIUS with its stock schema, in the schema public
// of the run's database.
func serveStockAccounting(ctx context.Context, h *harness, db *storage.DB) (*accountingServer, error) {
	stock, err := freeradius.StockConfiguration()
	if err != nil {
		return nil, err
	}
	schema, err := os.ReadFile(filepath.Join(stock, "mods-config/sql/main/postgresql/schema.sql"))
	if err != nil {
		return nil, err
	}
	if _, err := db.Pool().ExecContext(ctx, string(schema)); err != nil {
		return nil, fmt.Errorf("creating FreeRADIUS's stock schema: %w", err)
	}
	class := regexp.MustCompile(`(?s)\tclass \{.*?\n\t\}\n`)
	return h.startFreeRADIUS(ctx, "public", func(module string) string {
		return class.ReplaceAllString(module, "\tclass {\n\t\tcolumn_name = \", class\"\n\t\tpacket_xlat = \", NULLIF('%{Class}', '')\"\n\t\treply_xlat = \", NULLIF('%{reply:Class}', '')\"\n\t}\n")
	}, "-sql")
}

// startFreeRADIUS starts FreeRADIUS with only the modules that accounting needs.
// edit changes its sql module, and policy is what stores a record.
func (h *harness) startFreeRADIUS(ctx context.Context, schema string, edit func(string) string, policy string) (_ *accountingServer, err error) {
	program, err := freeradius.Program()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-freeradius-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	address, err := servers.FreeUDPAddress(ctx)
	if err != nil {
		return nil, err
	}
	raddb := filepath.Join(dir, "raddb")
	if err := h.configureFreeRADIUS(dir, raddb, address, schema, edit, policy); err != nil {
		return nil, err
	}
	log := filepath.Join(dir, "log")
	p, err := servers.Command{
		Path: program, Args: []string{"-d", raddb, "-f", "-l", "stdout"}, LogFile: log, DeathSignal: syscall.SIGKILL,
	}.Start()
	if err != nil {
		return nil, err
	}
	stop := func() error { return errors.Join(p.Stop(syscall.SIGTERM, 10*time.Second), os.RemoveAll(dir)) }
	if err := awaitAccounting(ctx, address); err != nil {
		text, _ := os.ReadFile(log)
		return nil, errors.Join(fmt.Errorf("%w: %s", err, text), stop())
	}
	return &accountingServer{address, p.Pid, stop}, nil
}

func (h *harness) configureFreeRADIUS(dir, raddb, address, schema string, edit func(string) string, policy string) error {
	stock, err := freeradius.StockConfiguration()
	if err != nil {
		return err
	}
	if err := os.CopyFS(raddb, os.DirFS(stock)); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	for _, enabled := range []string{"sites-enabled", "mods-enabled"} {
		if err := errors.Join(os.RemoveAll(filepath.Join(raddb, enabled)), os.Mkdir(filepath.Join(raddb, enabled), 0o700)); err != nil {
			return err
		}
	}
	for _, module := range []string{"always", "attr_filter", "expr", "preprocess"} {
		if err := os.Symlink(filepath.Join(raddb, "mods-available", module), filepath.Join(raddb, "mods-enabled", module)); err != nil {
			return err
		}
	}
	u, err := url.Parse(h.stack.DatabaseURL(database))
	if err != nil {
		return err
	}
	connection := fmt.Sprintf("\tradius_db = \"host=%s port=%s dbname=%s user=%s options='-c search_path=%s'\"",
		u.Query().Get("host"), u.Query().Get("port"), strings.TrimPrefix(u.Path, "/"), u.User.Username(), schema)
	replace := func(pattern, with string) func(string) string {
		return func(text string) string { return regexp.MustCompile(pattern).ReplaceAllLiteralString(text, with) }
	}
	return errors.Join(
		copyEdited(filepath.Join(raddb, "radiusd.conf"), filepath.Join(raddb, "radiusd.conf"),
			replace(`(?m)^raddbdir = .*`, "raddbdir = "+raddb), replace(`(?m)^logdir = .*`, "logdir = "+dir),
			replace(`(?m)^run_dir = .*`, "run_dir = "+dir), replace(`(?m)^\s*(user|group) = .*`, "")),
		copyEdited("../deployments/freeradius/mods-available/sql", filepath.Join(raddb, "mods-enabled/sql"),
			replace(`(?m)^\s*radius_db = .*`, connection), edit),
		copyEdited("../deployments/freeradius/policy.d/simtransfer", filepath.Join(raddb, "policy.d/simtransfer")),
		copyEdited("../deployments/freeradius/sites-available/simtransfer", filepath.Join(raddb, "sites-enabled/simtransfer"),
			replace(`ipaddr = \*`, "ipaddr = 127.0.0.1"), replace(`port = 1813`, "port = "+port), replace(`simtransfer_accounting`, policy)),
		os.WriteFile(filepath.Join(raddb, "clients.conf"), []byte("client gateways {\n ipaddr = 127.0.0.1\n secret = "+accountingSecret+"\n}\n"), 0o600),
	)
}

// copyEdited copies a text file with changes.
func copyEdited(from, to string, edits ...func(string) string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	changed := string(text)
	for _, edit := range edits {
		changed = edit(changed)
	}
	return os.WriteFile(to, []byte(changed), 0o600)
}
