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

// measureAPI counts how many requests of one SIM a single API process accepts
// in a second, and how often pgbench, with as many clients, writes the same
// rows in a transaction. An Idempotency-Key has the answer stored as well.
func measureAPI(ctx context.Context, b *bed) error {
	for _, keyed := range []bool{false, true} {
		if err := b.onFreshInventory(ctx, func(ctx context.Context, db *storage.DB) error {
			return b.callAPI(ctx, db, keyed)
		}); err != nil {
			return err
		}
	}
	return b.onFreshInventory(ctx, b.callPgbench)
}

func (b *bed) onFreshInventory(ctx context.Context, do func(context.Context, *storage.DB) error) (err error) {
	template, err := b.inventory(ctx, b.SIMs)
	if err != nil {
		return err
	}
	db, err := b.fresh(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(ctx, db)
}

// callAPI runs clients that send one request after the other.
func (b *bed) callAPI(ctx context.Context, db *storage.DB, keyed bool) (err error) {
	s, err := b.serve(ctx, database, db, "api")
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	if err := b.settle(ctx, db); err != nil {
		return err
	}
	before, start := b.usage(s), time.Now()
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
	b.rate(figure, float64(total)/took.Seconds(), float64(total), b.usage(s).since(before))
	if b.Explain {
		b.explain(ctx, db)
	}
	return verifyRequests(ctx, db, total)
}

// rate notes how many requests were accepted per second, and the processor
// time that each took.
func (b *bed) rate(figure string, perSecond, total float64, used usage) {
	for name := range used {
		used[name] *= 1e6 / total
		b.add(figure+"_cpu_us_"+name, used[name])
	}
	b.say("  %s: %.0f requests per second; processor microseconds per request: %s", figure, perSecond, used)
	b.add(figure+"_per_s", perSecond)
}

// callUntil keeps one connection busy and returns how many requests were
// accepted. It speaks HTTP by hand, to leave the processor to the API.
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
			email(destination), operatorID(destination), identifier((n*apiClients+client)%s.bed.SIMs))
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
			return n, fmt.Errorf("the API answers %s: %s: %w", answer.Status, text, errors.Join(err, errors.New("not accepted")))
		}
	}
}

// pgbenchScript writes what the API writes for a request of one SIM. The ids
// rise, as the API's do.
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
INSERT INTO events (request, source, destination, seq, kind, party, api_key, to_state, detail)
VALUES (lpad(to_hex(:id::bigint), 32, '0')::uuid, 1, 2, 1, 'create', 'source', 1, 'validating', '{"size": 1}');
COMMIT;
`

// callPgbench has pgbench write the same rows, as quickly as it can.
func (b *bed) callPgbench(ctx context.Context, db *storage.DB) error {
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
	if err := b.settle(ctx, db); err != nil {
		return err
	}
	before := b.usage(nil)
	command := exec.CommandContext(ctx, program, "--no-vacuum", "--protocol=prepared", "--file="+script,
		fmt.Sprintf("--client=%d", apiClients), "--jobs=2", fmt.Sprintf("--time=%d", int(apiTime.Seconds())),
		"--define=i=0", fmt.Sprintf("--define=sims=%d", b.SIMs), b.stack.DatabaseURL(database))
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
	used := b.usage(nil).since(before)
	used["bench"] += (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	b.rate("pgbench", rate, total, used)
	return verifyRequests(ctx, db, int(total))
}

func number(text []byte, pattern string) (float64, error) {
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("pgbench says nothing like %q:\n%s", pattern, text)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// pgbench comes with PostgreSQL; Debian keeps it out of the PATH.
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

// verifyRequests sees that every request accepted is there, with its SIM, its
// work and its event.
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
		return fmt.Errorf("%d requests were accepted, but there are %v requests, transfers, pieces of work and events", n, got)
	}
	return nil
}
