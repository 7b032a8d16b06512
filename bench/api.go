package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"simtransfer/storage"
)

const (
	apiClients = 16
	apiTime    = 5 * time.Second
)

// measureAPI measures how many requests for one SIM a single API process accepts per
// second, without and with an Idempotency-Key, for which the answer is stored too,
// and how many transactions with the same rows pgbench makes with as many clients.
func measureAPI(ctx context.Context, h *harness) error {
	for _, keyed := range []bool{false, true} {
		if err := h.onNewInventory(ctx, func(ctx context.Context, db *storage.DB) error {
			return h.callAPI(ctx, db, keyed)
		}); err != nil {
			return err
		}
	}
	return h.onNewInventory(ctx, h.callPgbench)
}

func (h *harness) onNewInventory(ctx context.Context, do func(context.Context, *storage.DB) error) (err error) {
	template, err := h.inventory(ctx, h.SIMs)
	if err != nil {
		return err
	}
	db, err := h.copyTemplate(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(ctx, db)
}

// callAPI runs clients that make one call after the other.
func (h *harness) callAPI(ctx context.Context, db *storage.DB, keyed bool) (err error) {
	s, err := h.serve(ctx, database, db, "api")
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
		return err
	}
	before, start := h.usage(s), time.Now()
	counts := make([]int, apiClients)
	g, calling := errgroup.WithContext(ctx)
	for i := range apiClients {
		g.Go(func() (err error) {
			counts[i], err = callUntil(calling, s, start.Add(apiTime), i, keyed)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took, total := time.Since(start), 0
	for _, n := range counts {
		total += n
	}
	figure := "api"
	if keyed {
		figure = "api_keyed"
	}
	h.rate(figure, float64(total)/took.Seconds(), float64(total), h.usage(s).since(before))
	if h.Explain {
		h.explain(ctx, db)
	}
	return verifyRequests(ctx, db, total)
}

// rate records the number of requests per second, and the processor time per
// request.
func (h *harness) rate(figure string, perSecond, total float64, used usage) {
	for name := range used {
		used[name] *= 1e6 / total
		h.record(figure+"_cpu_us_"+name, used[name])
	}
	h.logf("  %s: %.0f requests per second; processor microseconds per request: %s", figure, perSecond, used)
	h.record(figure+"_per_s", perSecond)
}

// callUntil makes calls on one connection and returns how many requests were
// accepted. It writes HTTP itself to leave more processor time to the API.
func callUntil(ctx context.Context, s *service, end time.Time, client int, keyed bool) (int, error) {
	u, err := url.Parse(s.support.URL)
	if err != nil {
		return 0, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for n := 0; ; n++ {
		if time.Now().After(end) {
			return n, nil
		}
		body := fmt.Sprintf(`{"destination":{"email":%q,"operator_id":%q},"sims":[%q]}`,
			email(destination), operatorID(destination), identifier((n*apiClients+client)%s.harness.SIMs))
		key := ""
		if keyed {
			key = fmt.Sprintf("Idempotency-Key: %d-%d\r\n", client, n)
		}
		if _, err := fmt.Fprintf(conn, "POST /v1/transfer-requests HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
			"%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", u.Host, s.accounts[source].Key, key, len(body), body); err != nil {
			return n, err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return n, err
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusAccepted {
			return n, fmt.Errorf("the API answered %s: %s: %w", answer.Status, text, errors.Join(err, errors.New("not accepted")))
		}
	}
}

// pgbenchScript writes the rows that the API writes for a request for one SIM. The
// ids increase, as the API's do.
const pgbenchScript = `\set i :i + 1
\set id :i * 65536 + :client_id
\set sim random(0, :sims - 1)
BEGIN;
INSERT INTO requests (id, source, destination, acceptance, review, queue, state, size, n_left, last_event)
VALUES (lpad(to_hex(:id::bigint), 32, '0')::uuid, 1, 2, '1 day', '7 days', 'interactive', 'validating', 1, 1, 1);
INSERT INTO transfers (request, n, line, identifier)
VALUES (lpad(to_hex(:id::bigint), 32, '0')::uuid, 0, 1, '8999901' || lpad(:sim::text, 12, '0'));
INSERT INTO work (kind, request, lo, hi, n, queue)
VALUES ('validate', lpad(to_hex(:id::bigint), 32, '0')::uuid, 0, 1, 1, 'interactive');
INSERT INTO events (request, source, seq, kind, party, api_key, to_state, detail)
VALUES (lpad(to_hex(:id::bigint), 32, '0')::uuid, 1, 1, 'create', 'source', 1, 'validating', '{"size": 1}');
COMMIT;
`

// callPgbench measures how fast pgbench writes the same rows.
func (h *harness) callPgbench(ctx context.Context, db *storage.DB) error {
	program, err := pgbench()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "simtransfer-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "requests.sql")
	if err := os.WriteFile(script, []byte(pgbenchScript), 0o600); err != nil {
		return err
	}
	if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
		return err
	}
	before := h.usage(nil)
	command := exec.CommandContext(ctx, program, "--no-vacuum", "--protocol=prepared", "--file="+script,
		fmt.Sprintf("--client=%d", apiClients), "--jobs=2", fmt.Sprintf("--time=%d", int(apiTime.Seconds())),
		"--define=i=0", fmt.Sprintf("--define=sims=%d", h.SIMs), h.stack.DatabaseURL(database))
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("running pgbench: %w\n%s", err, out)
	}
	rate, err := number(out, `tps = ([0-9.]+)`)
	if err != nil {
		return err
	}
	total, err := number(out, `number of transactions actually processed: ([0-9]+)`)
	if err != nil {
		return err
	}
	used := h.usage(nil).since(before)
	used["bench"] += (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	h.rate("pgbench", rate, total, used)
	return verifyRequests(ctx, db, int(total))
}

func number(text []byte, pattern string) (float64, error) {
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("the output of pgbench does not match %q:\n%s", pattern, text)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// pgbench returns the path of pgbench, which is part of PostgreSQL. Debian does not
// put it in PATH.
func pgbench() (string, error) {
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench") // fails only for a bad pattern
	if len(found) == 0 {
		return "", errors.New("pgbench is not installed: it comes with PostgreSQL's server or contrib package")
	}
	return found[len(found)-1], nil
}

// verifyRequests checks that every accepted request exists, with its transfer, work
// and event.
func verifyRequests(ctx context.Context, db *storage.DB, n int) error {
	var got [4]int
	if err := db.Pool().QueryRowxContext(ctx, `
		SELECT
			(SELECT count(*) FROM requests WHERE state = 'validating' AND n_left = 1 AND last_event = 1),
			(SELECT count(*) FROM transfers WHERE state = 'pending'),
			(SELECT count(*) FROM work WHERE kind = 'validate'),
			(SELECT count(*) FROM events WHERE kind = 'create')`).Scan(&got[0], &got[1], &got[2], &got[3]); err != nil {
		return err
	}
	if got != [4]int{n, n, n, n} {
		return fmt.Errorf("%d requests were accepted, but the numbers of requests, transfers, work rows and events are %v", n, got)
	}
	return nil
}
