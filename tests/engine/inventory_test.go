package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"simtransfer/api"
	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// TestInventory does random acts on a small inventory, several at once, while
// schedulers and workers carry the transfers out, and a consumer keeps a copy of
// the inventory from the changes feed only, is stopped at random, and continues.
// At the end the invariants of "simtransfer check" have to hold, and the copy has
// to be equal to the database. No call may fail other than by a refusal.
//
// SIMTRANSFER_TEST_ACTS sets the number of acts. If one of them was never possible,
// because nothing was in the state that it needs, there are more acts, until each
// was done.
func TestInventory(t *testing.T) {
	t.Parallel()
	acts := 400
	if n, err := strconv.Atoi(os.Getenv("SIMTRANSFER_TEST_ACTS")); err == nil && n > 0 {
		acts = n
	}
	v := startInventory(t)
	following, stop := context.WithCancel(t.Context())
	consumer := &changesCopy{service: v.admin, random: v.newRandom()}
	followed := storagetest.Go(func() error { return consumer.follow(following) })
	var clients sync.WaitGroup
	for range 4 {
		random := v.newRandom()
		clients.Go(func() {
			for n := 0; n < acts/4 || n < 10*acts && !v.didEverything(); n++ {
				v.act(t.Context(), random)
			}
		})
	}
	clients.Wait()
	storagetest.Await(t, "all work to be done", func() bool {
		return storagetest.One[int](v.DB, `SELECT count(*) FROM work`) == 0
	})
	stop()
	if err := <-followed; err != nil {
		t.Error(err)
	}
	v.shutdown()
	if err := consumer.catchUp(t.Context()); err != nil {
		t.Error(err)
	}
	v.Check()
	consumer.compare(t, v.DB)
	v.report(acts)
	if consumer.stops == 0 {
		t.Error("the consumer was never stopped")
	}
	if n := storagetest.One[int](v.DB, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n > 0 {
		t.Errorf("there were %d deadlocks", n)
	}
}

// The sizes of the inventory. There are few of everything, so that acts meet.
const (
	cards    = 24
	numbers  = 20
	accounts = 3
)

// inventory is a service with a few SIMs.
type inventory struct {
	*testEngine
	admin    *client.Client
	accounts []storage.Account
	keys     []*client.Client // of the accounts
	gateway  string
	seeds    *rand.Rand

	mu      sync.Mutex
	done    map[string]int // by the name of the act
	refused map[string]int // by the name of the act, and why
}

func startInventory(t *testing.T) *inventory {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	v := &inventory{
		testEngine: startEngine(t, &refusingFirst{}),
		seeds:      rand.New(rand.NewPCG(seed, 0)),
		done:       map[string]int{},
		refused:    map[string]int{},
	}
	v.gateway = v.Gateway()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	server := httptest.NewServer(api.New(api.Config{DB: v.Connect(storage.Options{}), Log: log}))
	t.Cleanup(server.Close)
	login := func(key storage.NewKey) *client.Client {
		_, token, err := v.CreateKey(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return &client.Client{URL: server.URL, Key: token}
	}
	v.admin = login(storage.NewKey{Role: storage.RoleAdmin, Name: "administrator"})
	v.accounts = []storage.Account{v.from, v.to, v.Account()}
	for _, a := range v.accounts {
		v.keys = append(v.keys, login(storage.NewKey{Role: storage.RoleAccount, OperatorID: a.OperatorID, Name: "owner"}))
	}
	for _, plan := range plans() {
		if _, err := v.admin.PutPlan(t.Context(), plan, client.PlanSettings{}); err != nil {
			t.Fatal(err)
		}
	}
	var file strings.Builder
	file.WriteString("iccid,imsis,msisdns,account,plan,status,external_id\n")
	for i := range cards / 2 {
		fmt.Fprintf(&file, "%s,%s,%s,%s,%s,%s,inventory-%d\n", iccid(i), imsi(i), number(i), v.accounts[i%accounts].OperatorID, plans()[0], transfer.Statuses()[i%2], i)
	}
	if _, err := v.admin.ImportSIMs(t.Context(), client.CSV, strings.NewReader(file.String())); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *inventory) newRandom() *rand.Rand { return rand.New(rand.NewPCG(v.seeds.Uint64(), 0)) }

func plans() []string { return []string{"global", "local"} }

// iccid returns the ICCID of a card, with its check digit.
func iccid(card int) string {
	digits, sum := fmt.Sprintf("8988211%011d", card), 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}

func imsi(n int) string { return fmt.Sprintf("00101%010d", n) }

func number(n int) string { return fmt.Sprintf("+1202555%04d", n) }

// Random values.

func anyICCID(r *rand.Rand) string {
	text := iccid(r.IntN(cards))
	if r.IntN(4) == 0 {
		return text[:len(text)-1]
	}
	return text
}

func anyNumber(r *rand.Rand) string { return number(r.IntN(numbers)) }

func anyIMSI(r *rand.Rand) string { return imsi(r.IntN(2 * cards)) }

func anyExternalID(r *rand.Rand) string { return fmt.Sprintf("inventory-%d", r.IntN(cards)) }

// anySIM is an identifier of any kind.
func anySIM(r *rand.Rand) string {
	switch r.IntN(6) {
	case 0:
		return anyNumber(r)
	case 1:
		return anyIMSI(r)
	}
	return anyICCID(r)
}

func one[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// aStatus is rarely terminated, because that is final.
func aStatus(r *rand.Rand) transfer.Status {
	if r.IntN(12) == 0 {
		return transfer.Terminated
	}
	return one(r, transfer.Active, transfer.Inactive, transfer.Suspended)
}

func (v *inventory) anyAccount(r *rand.Rand) (storage.Account, *client.Client) {
	i := r.IntN(accounts)
	return v.accounts[i], v.keys[i]
}

// act does a random act.
func (v *inventory) act(ctx context.Context, r *rand.Rand) {
	all := inventoryActs()
	total := 0
	for _, a := range all {
		total += a.weight
	}
	draw := r.IntN(total)
	for _, a := range all {
		if draw -= a.weight; draw < 0 {
			v.record(a.name, a.do(v, ctx, r))
			return
		}
	}
}

// errNothing means that there was nothing to do the act with.
var errNothing = errors.New("nothing to do it with")

// record counts the outcome of an act. An act may be refused, but may not fail.
func (v *inventory) record(name string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var p *client.Problem
	switch {
	case errors.Is(err, errNothing):
	case err == nil:
		v.done[name]++
	case errors.As(err, &p) && p.Status < http.StatusInternalServerError:
		v.refused[fmt.Sprintf("%s: %s", name, p.Code)]++
	default:
		v.t.Errorf("%s: %v", name, err)
	}
}

// didEverything reports whether each act was done.
func (v *inventory) didEverything() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !slices.ContainsFunc(inventoryActs(), func(a inventoryAct) bool { return v.done[a.name] == 0 })
}

// report fails the test if an act was never done.
func (v *inventory) report(acts int) {
	v.t.Logf("done: %v", v.done)
	v.t.Logf("refused: %v", v.refused)
	completed := storagetest.One[int](v.DB, `SELECT count(*) FROM transfers WHERE state = 'completed'`)
	v.t.Logf("%d transfers were completed", completed)
	if completed == 0 {
		v.t.Error("no transfer was completed")
	}
	if acts < 2000 {
		return // too few to be sure of each
	}
	for _, a := range inventoryActs() {
		if v.done[a.name] == 0 {
			v.t.Errorf("nothing is shown about %q: it was never done", a.name)
		}
	}
}

// inventoryAct is something that a client does.
type inventoryAct struct {
	name   string
	weight int
	do     func(*inventory, context.Context, *rand.Rand) error
}

func inventoryActs() []inventoryAct {
	return slices.Concat(requestActs(), fileActs(), simActs())
}

// requestActs create requests and decide on them.
func requestActs() []inventoryAct {
	return []inventoryAct{
		{"create a request", 8, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			from, key := v.anyAccount(r)
			to, _ := v.anyAccount(r)
			owned, err := v.ownedBy(ctx, key)
			if err != nil {
				return err
			}
			if from.ID == to.ID {
				return errNothing
			}
			request := client.NewRequest{Destination: client.Destination{Email: to.Email, OperatorID: to.OperatorID.Ref()}, SIMs: []string{anySIM(r)}}
			for range 1 + r.IntN(5) {
				request.SIMs = append(request.SIMs, one(r, owned...).ICCID)
			}
			slices.Sort(request.SIMs)
			request.SIMs = slices.Compact(request.SIMs)
			_, err = key.CreateRequest(ctx, request)
			return err
		}},
		{"approve", 8, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			request, err := v.anyRequest(ctx, r, transfer.InReview)
			if err != nil {
				return err
			}
			_, err = v.admin.ApproveRequest(ctx, request.ID, client.Approval{Ticket: "T-1"})
			return err
		}},
		{"accept", 12, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			request, err := v.anyRequest(ctx, r, transfer.AwaitingAcceptance)
			if err != nil {
				return err
			}
			_, err = v.keyOf(request.Destination).AcceptRequest(ctx, request.ID, client.Acceptance{})
			return err
		}},
		{"decline", 3, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			request, err := v.anyRequest(ctx, r, transfer.AwaitingAcceptance)
			if err != nil {
				return err
			}
			_, err = v.keyOf(request.Destination).DeclineRequest(ctx, request.ID, client.Decline{})
			return err
		}},
		{"cancel", 1, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			request, err := v.anyRequest(ctx, r, one(r, transfer.InReview, transfer.AwaitingAcceptance))
			if err != nil {
				return err
			}
			_, err = v.keyOf(request.Source).CancelRequest(ctx, request.ID, client.Cancellation{})
			return err
		}},
		{"start a session", 3, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			_, err := v.Pool().ExecContext(ctx, `
				INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
				VALUES ($1, $1, $2, $3, clock_timestamp() - interval '1 s')`, strconv.FormatUint(r.Uint64(), 36), anyIMSI(r), v.gateway)
			return err
		}},
	}
}

// anyRequest returns a request in a state.
func (v *inventory) anyRequest(ctx context.Context, r *rand.Rand, state transfer.RequestState) (client.Request, error) {
	page, err := v.admin.ListRequests(ctx, client.RequestFilter{States: []transfer.RequestState{state}}, client.Paging{Limit: 50})
	switch {
	case err != nil:
		return client.Request{}, err
	case len(page.Items) == 0:
		return client.Request{}, errNothing
	}
	return one(r, page.Items...), nil
}

// ownedBy returns the SIMs of an account.
func (v *inventory) ownedBy(ctx context.Context, key *client.Client) ([]client.SIM, error) {
	page, err := key.ListSIMs(ctx, client.SIMFilter{}, client.Paging{Limit: 2 * cards})
	if err == nil && len(page.Items) == 0 {
		err = errNothing
	}
	return page.Items, err
}

func (v *inventory) keyOf(account transfer.OperatorID) *client.Client {
	return v.keys[slices.IndexFunc(v.accounts, func(a storage.Account) bool { return a.OperatorID == account })]
}

// fileActs import and sync files.
func fileActs() []inventoryAct {
	return []inventoryAct{
		{"import", 8, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			a, _ := v.anyAccount(r)
			var file strings.Builder
			file.WriteString("iccid,imsis,msisdns,account,plan\n")
			for range 1 + r.IntN(2) {
				card := r.IntN(cards)
				fmt.Fprintf(&file, "%s,%s,%s,%s,%s\n", iccid(card), imsi(card), one(r, "", anyNumber(r)), a.OperatorID, one(r, plans()...))
			}
			_, err := v.admin.ImportSIMs(ctx, client.CSV, strings.NewReader(file.String()))
			return err
		}},
		{"sync", 8, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			_, err := v.admin.SyncSIMs(ctx, client.CSV, strings.NewReader(v.syncFile(r, 1+r.IntN(10))), client.SyncOptions{})
			return err
		}},
		{"sync as a dry run", 2, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			_, err := v.admin.SyncSIMs(ctx, client.CSV, strings.NewReader(v.syncFile(r, 1+r.IntN(10))), client.SyncOptions{DryRun: true})
			return err
		}},
		{"sync an account in full", 2, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			a, key := v.anyAccount(r)
			owned, err := v.ownedBy(ctx, key)
			if err != nil {
				return err
			}
			file := "iccid\n"
			for _, sim := range owned {
				if r.IntN(8) > 0 {
					file += sim.ICCID + "\n"
				}
			}
			_, err = v.admin.SyncSIMs(ctx, client.CSV, strings.NewReader(file), client.SyncOptions{
				Full: true, Account: a.OperatorID.Ref(), RetireMissing: true, MaxRetireShare: 0.5,
			})
			return err
		}},
	}
}

// syncFile is a file of a sync with random columns and values.
func (v *inventory) syncFile(r *rand.Rand, rows int) string {
	type column struct {
		name  string
		value func(card int) string
	}
	columns := []column{{"iccid", func(card int) string { return iccid(card) }}}
	for _, c := range []column{
		{"imsis", func(card int) string { return one(r, imsi(card), imsi(card)+";"+imsi(card+cards), anyIMSI(r)) }},
		{"msisdns", func(int) string { return one(r, "", anyNumber(r), anyNumber(r), anyNumber(r)+";"+anyNumber(r)) }},
		{"account", func(card int) string { return string(v.accounts[card%accounts].OperatorID) }},
		{"plan", func(int) string { return one(r, append(plans(), "", "unknown")...) }},
		{"status", func(int) string { return one(r, "", string(aStatus(r))) }},
		{"external_id", func(card int) string {
			return one(r, "", fmt.Sprintf("inventory-%d", card), anyExternalID(r))
		}},
		{"eid", func(card int) string { return one(r, "", fmt.Sprintf("%032d", card)) }},
		{"lot", func(int) string { return one(r, "", "box-1", "box-2") }},
		{"group", func(int) string { return one(r, "", "meters") }},
	} {
		if r.IntN(2) == 0 {
			columns = append(columns, c)
		}
	}
	var file strings.Builder
	line := func(cell func(column) string) {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = cell(c)
		}
		file.WriteString(strings.Join(cells, ",") + "\n")
	}
	line(func(c column) string { return c.name })
	for _, card := range r.Perm(cards)[:rows] {
		line(func(c column) string { return c.value(card) })
	}
	return file.String()
}

// simActs change single SIMs, and many at once.
func simActs() []inventoryAct {
	const reason = "for a test"
	return []inventoryAct{
		{"set a status", 8, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			_, err := v.admin.UpdateSIM(ctx, anySIM(r), client.SIMChange{Status: new(aStatus(r))})
			return err
		}},
		{"correct a status", 5, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			_, err := v.admin.CorrectSIMStatus(ctx, anySIM(r), client.StatusCorrection{Status: one(r, transfer.Statuses()...), Reason: reason})
			return err
		}},
		{"set a plan and details", 5, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			_, err := v.admin.UpdateSIM(ctx, anySIM(r), client.SIMChange{
				Plan: new(one(r, plans()...)), ExternalID: new(one(r, "", anyExternalID(r))), Lot: new(one(r, "", "box-3")),
			})
			return err
		}},
		{"lock", 2, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			_, key := v.anyAccount(r)
			owned, err := v.ownedBy(ctx, key)
			if err != nil {
				return err
			}
			_, err = key.UpdateSIM(ctx, one(r, owned...).ICCID, client.SIMChange{TransferLock: new(r.IntN(4) == 0), TerminationProtection: new(r.IntN(4) == 0)})
			return err
		}},
		{"add or move an identifier", 10, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			put, identifier := client.PutIdentifier{Kind: "msisdn", Reason: reason}, anyNumber(r)
			if r.IntN(4) == 0 {
				put.Kind, identifier = "imsi", anyIMSI(r)
			}
			if r.IntN(2) == 0 {
				put.From = identifier
			}
			_, err := v.admin.PutSIMIdentifier(ctx, anySIM(r), identifier, put)
			return err
		}},
		{"remove an identifier", 5, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			identifier := one(r, anyNumber(r), anyIMSI(r))
			return v.admin.RemoveSIMIdentifier(ctx, identifier, identifier)
		}},
		{"swap", 8, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			card := r.IntN(cards)
			_, err := v.admin.SwapSIM(ctx, anySIM(r), client.Swap{ICCID: iccid(card), IMSIs: []string{imsi(card)}, Reason: reason})
			return err
		}},
		{"retire", 8, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			_, err := v.admin.RetireSIM(ctx, anySIM(r), client.Retirement{Reason: reason})
			return err
		}},
		{"correct an owner", 4, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			to, _ := v.anyAccount(r)
			_, err := v.admin.CorrectSIMOwner(ctx, anySIM(r), client.OwnerCorrection{Account: to.OperatorID, Reason: reason})
			return err
		}},
		{"change many", 4, func(v *inventory, ctx context.Context, r *rand.Rand) error {
			a, _ := v.anyAccount(r)
			change := client.NewBulkChange{
				Filter:      &client.SIMSelection{Account: a.OperatorID, SIMConditions: client.SIMConditions{Status: []transfer.Status{aStatus(r), transfer.Ready}}},
				Change:      client.BulkSettings{Status: new(one(r, transfer.Active, transfer.Suspended)), Plan: new(one(r, plans()...))},
				SkipRefused: true,
				DryRun:      true,
				Reason:      reason,
			}
			would, err := v.admin.ChangeSIMs(ctx, change)
			if err != nil {
				return err
			}
			change.DryRun, change.ExpectCount = false, &would.Selected
			_, err = v.admin.ChangeSIMs(ctx, change)
			return err
		}},
	}
}
