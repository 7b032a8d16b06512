package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"simtransfer/client"
	"simtransfer/console"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// The database of the console has ten SIMs for each request. With the usual batch of
// 100,000, these are 1,000,000 SIMs and 100,000 requests.
const (
	simsPerRequest   = 10
	pageLoads        = 40  // of each page by each role
	openSingles      = 600 // requests of the source that wait for a decision
	openSinglesSIMs  = 5
	consoleAccounts  = 2000
	consoleAudit     = 100000
	consoleMessages  = 20000 // deliveries to a webhook endpoint
	consoleSessions  = 500   // open data sessions that name no SIM
	selectAllSamples = 5
)

// consoleSIMs returns how many SIMs the source, the destination and all accounts have.
// The destination's are those that are selected together.
func (h *harness) consoleSIMs() (ofSource, ofDestination, all int) {
	return 4 * h.SIMs, 3 * h.SIMs, simsPerRequest * h.SIMs
}

// measureConsole opens every page of the console as each role, with other ids and
// filters each time, and measures the time to the first byte, the size, and the processor
// time of the API and of PostgreSQL.
func measureConsole(ctx context.Context, h *harness) (err error) {
	const name = "console"
	if err := h.template(ctx, name, "", func(ctx context.Context, db *storage.DB) error {
		return h.seedConsole(ctx, name, db)
	}); err != nil {
		return err
	}
	db, err := h.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := h.serve(ctx, name, db)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	if err := s.openForConsole(ctx); err != nil {
		return err
	}
	if err := s.seedDeliveries(ctx); err != nil {
		return err
	}
	if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
		return err
	}
	ids, err := readConsoleIDs(ctx, db)
	if err != nil {
		return err
	}
	failed, err := s.openPages(ctx, name, ids)
	if err != nil {
		return err
	}
	if h.Explain {
		h.explain(ctx, db)
	}
	failedReviews, err := s.selectAll(ctx, name)
	h.record("console_failed", float64(failed+failedReviews))
	return err
}

// seedConsole creates the SIMs, and the requests that are over: spread over two years,
// each with the SIMs of its number.
func (h *harness) seedConsole(ctx context.Context, name string, db *storage.DB) error {
	ofSource, ofDestination, n := h.consoleSIMs()
	if err := h.seedAccounts(ctx, name, db); err != nil {
		return err
	}
	var (
		number = fmt.Sprintf("(i / %d)", simsPerRequest)
		at     = fmt.Sprintf("'%s'::timestamptz + interval '2 years' * %s / %d", time.Now().UTC().AddDate(-2, 0, -1).Format(time.DateTime), number, h.SIMs)
		id     = fmt.Sprintf("(overlay(lpad(to_hex((extract(epoch FROM %s) * 1000)::bigint), 12, '0') PLACING '-' FROM 9 FOR 0) || '-7000-8000-' || lpad(to_hex(%s), 12, '0'))::uuid", at, number)
		owner  = fmt.Sprintf("CASE WHEN i < %d THEN %d WHEN i < %d THEN %d ELSE %d + %s %% %d END", ofSource, source, ofSource+ofDestination, destination, destination+1, number, others)
		before = fmt.Sprintf("CASE WHEN i < %d THEN %d WHEN i < %d THEN %d ELSE %d + (%s + 1) %% %d END", ofSource, destination, ofSource+ofDestination, source, destination+1, number, others)
	)
	h.logf("creating %d SIMs and %d requests", n, h.SIMs)
	if err := seedSIMs(ctx, db, n, holding{account: owner, request: id, n: fmt.Sprintf("i %% %d", simsPerRequest)}); err != nil {
		return err
	}
	if err := seedMoves(ctx, db, 0, n, moves{which: "true", from: before, to: owner, request: id, n: fmt.Sprintf("i %% %d", simsPerRequest), at: at}); err != nil {
		return err
	}
	_, err := db.Pool().ExecContext(ctx, fmt.Sprintf(`
		INSERT INTO accounts (operator_id, email, currency, coverage, name)
		SELECT 'OP' || lpad(i::text, 10, '0'), 'sims' || i || '@example.com', 'EUR', 'emea', 'Company ' || i
		FROM generate_series(%d, %d) i
		ORDER BY i;
		UPDATE requests SET reference = 'PO-' || right(id::text, 5) WHERE right(id::text, 1) IN ('0', '5');
		UPDATE requests SET ticket = 'CASE-' || right(id::text, 5) WHERE any_support_assisted;
		INSERT INTO events (request, source, destination, seq, at, kind, party, to_state)
		SELECT id, source, destination, seq, created_at, kind, party, to_state
		FROM requests, (VALUES
			(1, 'create', 'source', 'validating'),
			(2, 'offer', 'system', 'awaiting_acceptance'),
			(3, 'accept', 'destination', 'transferring'),
			(4, 'finish', 'system', 'completed')) AS e (seq, kind, party, to_state)
		ORDER BY id, seq;
		UPDATE requests SET last_event = 4;
		INSERT INTO audit (at, action, actor, actor_name, account, object, object_id)
		SELECT clock_timestamp() - interval '2 years' * (%[3]d - i) / %[3]d, (ARRAY['account.update', 'sim.update', 'sim.lock', 'key.create'])[i %% 4 + 1], 'command', 'root', 1 + i %% 50, 'account', 'OP' || lpad((1 + i %% 50)::text, 10, '0')
		FROM generate_series(1, %[3]d) i`, destination+others+1, consoleAccounts, consoleAudit))
	if err != nil {
		return fmt.Errorf("seeding what the console shows: %w", err)
	}
	return nil
}

// openForConsole creates what is not over: requests of the source that wait for the
// destination or for support, some of which were ended; a request with many SIMs, a
// batch, transfer codes and pull requests.
func (s *service) openForConsole(ctx context.Context) error {
	s.harness.logf("creating open requests")
	at := client.Destination{Email: email(destination), OperatorID: transfer.AccountRef(operatorID(destination))}
	creating, g := s.accounts[source], new(errgroup.Group)
	g.SetLimit(8)
	for i := range openSingles {
		g.Go(func() error {
			r := client.NewRequest{Destination: at, AcceptanceSeconds: 2592000 - int64(i)*600, Reference: fmt.Sprintf("PO-%d", i)}
			for k := range openSinglesSIMs {
				r.SIMs = append(r.SIMs, identifier(i*openSinglesSIMs+k))
			}
			_, err := creating.CreateRequest(ctx, r)
			return err
		})
	}
	first := openSingles * openSinglesSIMs
	large := s.harness.SIMs - 2*first
	if large < first {
		return fmt.Errorf("-sims %d is too small to measure the console", s.harness.SIMs)
	}
	g.Go(func() error {
		_, err := creating.CreateBatch(ctx, client.CSV, csv(upTo(first + large)[first:], destination), client.BatchTerms{AcceptanceSeconds: 2592000})
		return err
	})
	for i := range 20 { // as many pull requests as an account may have open
		g.Go(func() error {
			number := first + large + i
			if _, err := creating.CreateTransferCode(ctx, client.NewTransferCode{SIMs: []string{identifier(number)}}); err != nil {
				return err
			}
			_, err := s.accounts[destination].CreatePullRequest(ctx, client.NewPullRequest{ICCIDs: []string{fmt.Sprintf("8999901%012d", number+100)}})
			return err
		})
	}
	for i := range 30 {
		g.Go(func() error {
			number := 4*s.harness.SIMs + i
			_, err := s.accounts[destination].CreateRequest(ctx, client.NewRequest{
				Destination: client.Destination{Email: email(source), OperatorID: transfer.AccountRef(operatorID(source))}, SIMs: []string{identifier(number)},
			})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.await(ctx, batchPoll, func(ctx context.Context) (bool, error) {
		var left int
		err := s.db.Pool().GetContext(ctx, &left, `SELECT count(*) FROM requests WHERE state = 'validating'`)
		return left == 0, err
	}); err != nil {
		return err
	}
	waiting, err := s.support.ListRequests(ctx, client.RequestFilter{States: []transfer.RequestState{transfer.InReview}, Direction: "outgoing", Account: transfer.AccountRef(operatorID(source))}, client.Paging{Limit: 200})
	if err != nil {
		return err
	}
	for i, r := range waiting.Items { // a third has been approved, and a few were denied or canceled
		var err error
		switch i % 10 {
		case 0, 1, 2:
			_, err = s.support.ApproveRequest(ctx, r.ID, client.Approval{Ticket: fmt.Sprintf("CASE-%d", i)})
		case 3:
			_, err = s.support.DenyRequest(ctx, r.ID, client.Denial{Reason: "The plan is not sold there."})
		case 4:
			_, err = creating.CancelRequest(ctx, r.ID, client.Cancellation{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// seedDeliveries creates a webhook endpoint of the source that has been sent many messages,
// and open data sessions of SIMs that the inventory does not have.
func (s *service) seedDeliveries(ctx context.Context) error {
	endpoint, err := s.accounts[source].CreateWebhookEndpoint(ctx, client.NewWebhookEndpoint{URL: "https://webhooks.invalid/simtransfer"})
	if err != nil {
		return err
	}
	if _, err := s.db.Pool().ExecContext(ctx, fmt.Sprintf(`
		WITH m AS (
			INSERT INTO messages (event, account, type, at, body, created_at)
			SELECT 'bench-' || n, %[1]d, 'request.completed', at, rpad('{"type":"request.completed"}', 800), at
			FROM generate_series(1, %[2]d) AS n, LATERAL (SELECT clock_timestamp() - interval '30 days' * n / %[2]d AS at) t
			ORDER BY n DESC
			RETURNING id, at
		)
		INSERT INTO webhook_deliveries (endpoint, message, state, attempts, created_at, attempted_at, took_ms, status, error)
		SELECT '%[3]s', id, CASE WHEN id %% 50 = 0 THEN 'failed' ELSE 'delivered' END, 1, at, at, 80,
			CASE WHEN id %% 50 = 0 THEN 503 ELSE 200 END, CASE WHEN id %% 50 = 0 THEN 'the receiver answered 503 Service Unavailable' END
		FROM m
		ORDER BY id;
		INSERT INTO radius.radacct (acctuniqueid, acctsessionid, username, nasipaddress, acctstarttime, acctupdatetime, callingstationid)
		SELECT md5('stranger ' || n), 'stranger-' || n, '99999' || lpad(n::text, 10, '0'), '10.99.0.1', clock_timestamp() - interval '1 minute' * n, clock_timestamp(), '99999' || lpad(n::text, 10, '0')
		FROM generate_series(1, %[4]d) AS n`, source, consoleMessages, endpoint.ID, consoleSessions)); err != nil {
		return fmt.Errorf("creating deliveries and data sessions: %w", err)
	}
	return nil
}

// consoleIDs are what the pages are opened with, by the name of the list.
type consoleIDs map[string][]string

func readConsoleIDs(ctx context.Context, db *storage.DB) (consoleIDs, error) {
	ids := consoleIDs{}
	for name, query := range map[string]string{
		"request": `(SELECT id::text FROM requests WHERE state <> 'completed' AND source = 1 ORDER BY size DESC, id LIMIT 20)
			UNION ALL (SELECT id::text FROM requests WHERE source = 1 AND state = 'completed' ORDER BY md5(id::text) LIMIT 20)`,
		"waiting": `SELECT id::text FROM requests WHERE state = 'in_review' ORDER BY id LIMIT 40`,
		"batch":   `SELECT id::text FROM batches`,
		"code":    `SELECT id::text FROM transfer_codes ORDER BY id LIMIT 40`,
		"pull":    `SELECT id::text FROM pulls ORDER BY id LIMIT 40`,

		"webhook":  `SELECT id::text FROM webhook_endpoints`,
		"delivery": `SELECT id::text FROM webhook_deliveries ORDER BY md5(id::text) LIMIT 40`,
	} {
		var list []string
		if err := db.Pool().SelectContext(ctx, &list, query); err != nil {
			return nil, fmt.Errorf("reading ids of kind %s: %w", name, err)
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("there is nothing of the kind %s", name)
		}
		ids[name] = list
	}
	return ids, nil
}

// address returns the address of a page for its nth load.
func (ids consoleIDs) address(h *harness, path, role string, n int) (string, error) {
	of := func(name string) string { return ids[name][n%len(ids[name])] }
	month := time.Now().AddDate(0, -n%24, 0)
	sim := identifier(n * 7919 % (4 * h.SIMs))
	days := url.Values{"from": {month.AddDate(0, -1, 0).Format(time.DateOnly)}, "to": {month.Format(time.DateOnly)}}.Encode()
	account := operatorID(1 + n%50)
	// The first address of each is the page without a filter.
	queries := map[string][]string{
		"/sims": {
			"", "status=active", "plan=regional", "group=group-3", "tag=site%3Dsite-7", "prefix=8999901000000", "range=" + fmt.Sprintf("8999901%012d-8999901%012d", n*1000, n*1000+5000),
			"lock=on", "status=suspended&plan=regional&group=group-7", "lot=none",
		},
		"/sims/export.csv": {"filter=" + url.QueryEscape("range="+fmt.Sprintf("8999901%012d-8999901%012d", n*1000, n*1000+500)), "all=1"},
		"/outbox":          {"", "sort=deadline", "reference=PO-" + fmt.Sprint(n)},
		"/history": {
			"", "state=denied", "state=canceled", "state=expired", "state=completed", "direction=incoming", "direction=outgoing&state=declined", days, days + "&state=denied",
			"reference=PO-" + fmt.Sprint(n), "sim=" + sim, "account=" + account, "reference=none",
		},
		"/pulls":         {"", "direction=incoming", "direction=outgoing"},
		"/queue":         {"", "sort=oldest", "older=1", "reference=PO-" + fmt.Sprint(n), "account=" + account},
		"/queue/decide":  {"request=" + of("waiting"), "decision=approve&all=1", "decision=deny&all=1&account=" + account},
		"/look-up":       {"q=" + sim, "q=" + account, "q=PO-" + fmt.Sprint(n), "q=CASE-" + fmt.Sprint(n), "q=Company+" + fmt.Sprint(n), "q=" + of("request"), "q=nothing", "q=" + url.QueryEscape(email(n+1)), ""},
		"/accounts":      {"", "q=company", "q=" + account, "standing=closed", "q=nothing"},
		"/charges":       {"", days, "from=" + time.Now().AddDate(-2, 0, 0).Format(time.DateOnly) + "&to=" + time.Now().Format(time.DateOnly), days + "&account=" + account},
		"/charges.csv":   {days},
		"/audit":         {"", "action=sim.lock", days, "sim=" + sim, "account=" + account, "action=sim.swap"},
		"/audit.csv":     {"action=sim.swap"},
		"/transfers/new": {"", "list=" + sim, "filter=" + url.QueryEscape("group=group-3"), "all=1"},
		"/sims/change":   {"do=lock&list=" + sim, "do=lock&filter=" + url.QueryEscape("group=group-3"), "do=tags&all=1"},
		"/requests/{id}": {"", "state=completed", "state=eligible", "reason=sim_locked"},
		"/keys":          {"", "account=" + account},
		"/people":        {"", "account=" + account, "q=nothing"},
		"/fees":          {"", "account=" + account},
	}
	query := ""
	if list := queries[path]; len(list) > 0 {
		query = list[n%len(list)]
	}
	if role == "owner" { // a filter of staff
		if values, err := url.ParseQuery(query); err == nil && values.Has("account") {
			values.Del("account")
			query = values.Encode()
		}
	}
	address := strings.NewReplacer("{$}", "", "{sim}", sim, "{account}", account, "{delivery}", of("delivery")).Replace(path)
	for prefix, name := range map[string]string{"/requests/": "request", "/redeemed/": "request", "/batches/": "batch", "/codes/": "code", "/pulls/": "pull", "/webhooks/": "webhook"} {
		if strings.HasPrefix(address, prefix) {
			address = strings.Replace(address, "{id}", of(name), 1)
		}
	}
	if strings.Contains(address, "{") {
		return "", fmt.Errorf("the benchmark has no id for the page %s", path)
	}
	if query != "" {
		address += "?" + query
	}
	return address, nil
}

// browser is a browser that has signed in.
type browser struct {
	url    string
	client *http.Client
}

// signIn returns a browser that has signed in with an API key.
func (s *service) signIn(ctx context.Context, key string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &browser{url: s.harness.stack.Admin.URL, client: &http.Client{Jar: jar, Timeout: time.Minute}}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	got, err := b.load(ctx, http.MethodPost, "/sign-in", url.Values{"key": {key}})
	if err != nil {
		return nil, err
	}
	if got.status != http.StatusSeeOther {
		return nil, fmt.Errorf("signing in: status %d", got.status)
	}
	return b, nil
}

// loaded is a page as it arrived.
type loaded struct {
	status int
	first  time.Duration // to the first byte
	text   string
	kind   string // media type
}

// load opens a page, or sends it a form.
func (b *browser) load(ctx context.Context, method, path string, form url.Values) (got loaded, err error) {
	begin := time.Now()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { got.first = time.Since(begin) }})
	r, err := http.NewRequestWithContext(ctx, method, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return got, err
	}
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.client.Do(r)
	if err != nil {
		return got, err
	}
	defer response.Body.Close()
	got.status, got.kind = response.StatusCode, response.Header.Get("Content-Type")
	if !strings.HasPrefix(got.kind, "text/html") {
		return got, nil // a download: only its beginning is measured
	}
	text, err := io.ReadAll(response.Body)
	got.text = string(text)
	return got, err
}

// openPages opens every page as each role that may see it. Pages that fail are reported
// and counted, with the time that it took, and the others are still measured.
func (s *service) openPages(ctx context.Context, name string, ids consoleIDs) (failed int, err error) {
	h := s.harness
	finance, err := s.admin.CreateKey(ctx, client.NewKey{Role: "finance", Name: "finance"})
	if err != nil {
		return 0, err
	}
	keys := h.tokens[name]
	browsers := map[string]*browser{}
	for role, key := range map[string]string{"owner": keys.source, "support": keys.support, "finance": finance.Token, "admin": keys.admin} {
		if browsers[role], err = s.signIn(ctx, key); err != nil {
			return 0, err
		}
	}
	pages := console.Pages()
	var paths []string
	for p := range pages {
		if p.Method == http.MethodGet {
			paths = append(paths, p.Path)
		}
	}
	slices.Sort(paths)
	worst, download := consoleLoad{}, 0.0
	for _, path := range paths {
		for _, role := range slices.Sorted(maps.Keys(browsers)) {
			if !slices.Contains(pages[console.Page{Method: http.MethodGet, Path: path}], role) {
				continue
			}
			load, err := s.openPage(ctx, browsers[role], path, role, ids)
			if err != nil {
				return failed, fmt.Errorf("opening %s as %s: %w", path, role, err)
			}
			mark := ""
			if load.p95 > pageGoalMS {
				mark = "  SLOW"
			}
			if load.failed > 0 {
				mark += fmt.Sprintf("  FAILED %d of %d: %s", load.failed, pageLoads, load.failure)
			}
			h.logf("  %-45s %-8s p50 %6.1f ms  p95 %6.1f ms  max %6.1f ms  %5.1f kB  CPU %5.1f ms (PostgreSQL %5.1f)  slowest %s%s", path, role, load.p50, load.p95, load.slowest, load.kB, load.cpu, load.postgres, load.at, mark)
			failed += load.failed
			if load.kB == 0 {
				download = max(download, load.p95)
				continue
			}
			worst.p50, worst.p95, worst.kB, worst.cpu = max(worst.p50, load.p50), max(worst.p95, load.p95), max(worst.kB, load.kB), max(worst.cpu, load.cpu)
		}
	}
	h.record("console_pages", float64(len(paths)))
	h.record("console_p50_ms", worst.p50)
	h.record("console_p95_ms", worst.p95)
	h.record("console_download_p95_ms", download)
	h.record("console_page_kb", worst.kB)
	h.record("console_cpu_ms", worst.cpu)
	return failed, nil
}

// consoleLoad is what loading a page takes.
type consoleLoad struct {
	p50, p95, slowest float64 // milliseconds to the first byte
	kB                float64 // size of the largest page
	cpu, postgres     float64 // milliseconds of processor time for a load, mean
	at                string  // the address that took longest
	failed            int     // loads that were answered with an error
	failure           string  // the first of them
}

// pageGoalMS is the goal for the time to the first byte of a page, in milliseconds. What
// takes longer is marked in the log.
const pageGoalMS = 200

func (s *service) openPage(ctx context.Context, b *browser, path, role string, ids consoleIDs) (consoleLoad, error) {
	var load consoleLoad
	var took []float64
	before := s.harness.usage(s)
	for n := range pageLoads {
		address, err := ids.address(s.harness, path, role, n)
		if err != nil {
			return load, err
		}
		got, err := b.load(ctx, http.MethodGet, address, nil)
		if err != nil {
			return load, err
		}
		if got.status >= http.StatusInternalServerError || got.status == http.StatusUnauthorized || got.status == http.StatusForbidden || strings.HasPrefix(got.text, "<a href=\"/sign-in") {
			if load.failed++; load.failed == 1 {
				load.failure = fmt.Sprintf("%s: status %d: %s", address, got.status, mainText(got.text))
			}
		}
		ms := got.first.Seconds() * 1000
		if ms > load.slowest {
			load.slowest, load.at = ms, address
		}
		took = append(took, ms)
		if strings.HasPrefix(got.kind, "text/html") {
			load.kB = max(load.kB, float64(len(got.text))/1000)
		}
	}
	slices.Sort(took)
	used := s.harness.usage(s).since(before)
	load.p50, load.p95 = took[len(took)/2], took[int(math.Ceil(0.95*float64(len(took))))-1]
	load.cpu, load.postgres = (used["api"]+used["postgres"])*1000/pageLoads, used["postgres"]*1000/pageLoads
	return load, nil
}

// mainText returns the beginning of the text of a page, without its frame.
func mainText(page string) string {
	if _, after, ok := strings.Cut(page, "<main"); ok {
		page = "<main" + after
	}
	words := strings.Fields(tag.ReplaceAllString(page, " "))
	return strings.Join(words[:min(len(words), 40)], " ")
}

var tag = regexp.MustCompile(`<[^>]*>`)

// selectAll picks all SIMs of the destination, as its operator, and measures how long the
// page takes that reviews their transfer. It returns how many reviews failed.
func (s *service) selectAll(ctx context.Context, name string) (failed int, err error) {
	h := s.harness
	_, n, _ := h.consoleSIMs()
	b, err := s.signIn(ctx, h.tokens[name].destination)
	if err != nil {
		return failed, err
	}
	for range selectAllSamples {
		before := h.usage(s)
		got, err := b.load(ctx, http.MethodPost, "/transfers/new", url.Values{
			"go": {"review"}, "all": {"1"}, "to": {"new"},
			"destination.operator_id": {operatorID(source)}, "destination.email": {email(source)},
		})
		if err != nil {
			return failed, err
		}
		if got.status != http.StatusOK || !strings.Contains(got.text, "Review the transfer") {
			h.logf("  review of %d SIMs: FAILED after %.3f s: status %d: %s", n, got.first.Seconds(), got.status, mainText(got.text))
			failed++
			continue
		}
		h.logf("  review of %d SIMs: %.3f s, %d kB; processor seconds: %s", n, got.first.Seconds(), len(got.text)/1000, h.usage(s).since(before))
		h.record("console_review_s", got.first.Seconds())
	}
	return failed, nil
}
