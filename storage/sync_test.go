package storage_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// syncRows yields rows with their lines, as a file with a header has them.
func syncRows(rows []storage.SyncRow) iter.Seq2[storage.SyncRow, error] {
	return func(yield func(storage.SyncRow, error) bool) {
		for i, r := range rows {
			r.Line = i + 2
			if !yield(r, nil) {
				return
			}
		}
	}
}

// syncSIMs syncs rows and returns the outcome of each.
func syncSIMs(t testing.TB, db *storagetest.DB, o storage.SyncOptions, rows ...storage.SyncRow) (storage.SyncResult, []storage.SyncedRow) {
	t.Helper()
	result, outcomes, err := trySync(t, db, o, rows...)
	if err != nil {
		t.Fatal(err)
	}
	return result, outcomes
}

func trySync(t testing.TB, db *storagetest.DB, o storage.SyncOptions, rows ...storage.SyncRow) (result storage.SyncResult, outcomes []storage.SyncedRow, err error) {
	t.Helper()
	err = db.InRetriedTx(t.Context(), func(tx *storage.Tx) error {
		outcomes = nil
		s, err := tx.SyncSIMs(t.Context(), o, syncRows(rows))
		if err != nil {
			return err
		}
		result = s.SyncResult
		return s.Outcomes(t.Context(), storage.SyncedFilter{Unchanged: true}, func(r storage.SyncedRow) error {
			outcomes = append(outcomes, r)
			return nil
		})
	})
	return result, outcomes, err
}

// syncRow is a row that sets some fields, by their names.
func syncRow(sim storage.NewSIM, fields ...string) storage.SyncRow {
	r := storage.SyncRow{SIM: sim}
	for _, name := range fields {
		i := slices.Index(storage.SyncFieldNames(), name)
		if i < 0 {
			panic("no field " + name)
		}
		r.Fields = r.Fields.With(storage.SyncField(i))
	}
	return r
}

// describe returns an outcome in short: "refused taken imsis".
func describe(r storage.SyncedRow) string {
	parts := []string{string(r.Outcome)}
	parts = append(parts, r.Fields...)
	if r.Code != nil {
		parts = append(parts, string(*r.Code), *r.Field)
	}
	return strings.Join(parts, " ")
}

func describeAll(list []storage.SyncedRow) []string {
	var texts []string
	for _, r := range list {
		texts = append(texts, describe(r))
	}
	return texts
}

// syncModel is what a sync should do, written plainly.
type syncModel struct {
	sims   []*modelSIM
	owners map[transfer.AccountRef]bool // whether the account is open
	plans  []string
}

type modelSIM struct {
	iccid    string
	account  transfer.AccountRef
	status   transfer.Status
	plan     string
	imsis    []string
	msisdns  []string
	external string
	group    string
	lot      string
	protect  bool
}

// forms returns the two forms of an ICCID.
func forms(iccid transfer.Identifier) []string {
	list := []string{iccid.String()}
	if other, ok := iccid.OtherForm(); ok {
		list = append(list, other.String())
	}
	return list
}

func texts(list []transfer.Identifier) []string {
	out := []string{}
	for _, id := range list {
		out = append(out, id.String())
	}
	slices.Sort(out)
	return out
}

// find returns the SIM of a row, nil for none.
func (m *syncModel) find(r storage.SyncRow) *modelSIM {
	for _, form := range forms(r.SIM.ICCID) {
		for _, s := range m.sims {
			if slices.Contains(forms(storagetest.Identifier(s.iccid)), form) {
				return s
			}
		}
	}
	return nil
}

func has(r storage.SyncRow, field string) bool {
	return r.Fields.Contains(storage.SyncField(slices.Index(storage.SyncFieldNames(), field)))
}

// key is an identifier or an external id.
type key struct {
	external bool
	text     string
}

// keysOf returns what names a SIM, except for its ICCID.
func (s *modelSIM) keysOf(kind string) []key {
	switch {
	case kind == "imsis":
		return keys(false, s.imsis...)
	case kind == "msisdns":
		return keys(false, s.msisdns...)
	case s.external != "":
		return keys(true, s.external)
	}
	return nil
}

func keys(external bool, list ...string) []key {
	var out []key
	for _, text := range list {
		out = append(out, key{external, text})
	}
	return out
}

// after returns the SIM as a row wants it.
func (s modelSIM) after(r storage.SyncRow) modelSIM {
	if has(r, "account") {
		s.account = r.SIM.Account
	}
	if has(r, "status") {
		s.status = r.SIM.Status
	}
	if has(r, "plan") {
		s.plan = r.SIM.Plan
	}
	if has(r, "imsis") {
		s.imsis = texts(r.SIM.IMSIs)
	}
	if has(r, "msisdns") {
		s.msisdns = texts(r.SIM.MSISDNs)
	}
	value := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	if has(r, "external_id") {
		s.external = value(r.SIM.ExternalID)
	}
	if has(r, "group") {
		s.group = value(r.SIM.Group)
	}
	if has(r, "lot") {
		s.lot = value(r.SIM.Lot)
	}
	if has(r, "termination_protection") {
		s.protect = r.SIM.TerminationProtection
	}
	return s
}

// sync applies rows and returns the outcome of each, as describe does.
func (m *syncModel) sync(rows []storage.SyncRow) []string {
	outcomes := make([]string, len(rows))
	found := make([]*modelSIM, len(rows))
	for i, r := range rows {
		found[i] = m.find(r)
	}
	same := func(i, j int) bool {
		if found[i] != nil || found[j] != nil {
			return found[i] == found[j]
		}
		a, b := forms(rows[i].SIM.ICCID), forms(rows[j].SIM.ICCID)
		return slices.ContainsFunc(a, func(form string) bool { return slices.Contains(b, form) })
	}
	want := make([]modelSIM, len(rows))
	for i, r := range rows {
		was := modelSIM{status: transfer.Ready, imsis: []string{}, msisdns: []string{}}
		if found[i] != nil {
			was = *found[i]
		}
		want[i] = was.after(r)
		outcomes[i] = m.judge(r, found[i], want[i])
		for j := range rows {
			first := []string{"unchanged", "refused unknown_account account", "refused other_owner account"} // these count first
			if i != j && r.Refused == nil && rows[j].Refused == nil && same(i, j) && !slices.Contains(first, outcomes[i]) {
				outcomes[i] = "refused duplicate iccid"
			}
		}
	}
	kinds := []string{"imsis", "msisdns", "external_id"}
	claims := func(i int) map[key]string { // with the field
		list := map[key]string{}
		for _, kind := range kinds {
			for _, k := range want[i].keysOf(kind) {
				if found[i] == nil || !slices.Contains(found[i].keysOf(kind), k) {
					list[k] = kind
				}
			}
		}
		return list
	}
	releases := func(i int) map[key]bool {
		list := map[key]bool{}
		for _, kind := range kinds {
			if found[i] == nil {
				continue
			}
			for _, k := range found[i].keysOf(kind) {
				if !slices.Contains(want[i].keysOf(kind), k) {
					list[k] = true
				}
			}
		}
		return list
	}
	passed := func(i int) bool { return !strings.HasPrefix(outcomes[i], "refused") }
	survivors := []int{} // of the first rules
	for i := range rows {
		if passed(i) {
			survivors = append(survivors, i)
		}
	}
	reason := map[int]string{}
	for changed := true; changed; {
		changed = false
		for _, i := range survivors {
			best := ""
			better := func(rank int, k key, field string) {
				code := map[int]string{1: "duplicate", 2: "taken", 3: "taken"}[rank]
				if r := fmt.Sprintf("%d %s|refused %s %s", rank, k.text, code, field); best == "" || r < best {
					best = r
				}
			}
			for k, field := range claims(i) {
				for _, j := range survivors {
					if _, claimed := claims(j)[k]; claimed && i != j {
						better(1, k, field)
					}
				}
				if holder := m.holder(k); holder != nil {
					released := -1
					for _, j := range survivors {
						if found[j] == holder && releases(j)[k] {
							released = j
						}
					}
					if released < 0 {
						better(2, k, field)
					} else if !passed(released) {
						better(3, k, field)
					}
				}
			}
			if best != "" && reason[i] != best {
				reason[i], changed = best, true
				_, outcomes[i], _ = strings.Cut(best, "|")
			}
		}
	}
	for i := range rows {
		switch {
		case !passed(i):
		case found[i] == nil:
			want[i].iccid = rows[i].SIM.ICCID.String()
			m.sims = append(m.sims, &want[i])
		default:
			*found[i] = want[i]
		}
	}
	return outcomes
}

func (m *syncModel) holder(k key) *modelSIM {
	for _, s := range m.sims {
		for _, kind := range []string{"imsis", "msisdns", "external_id"} {
			if slices.Contains(s.keysOf(kind), k) {
				return s
			}
		}
	}
	return nil
}

// judge returns the outcome of a row by the rules that concern only itself.
func (m *syncModel) judge(r storage.SyncRow, was *modelSIM, is modelSIM) string {
	_, known := m.owners[r.SIM.Account]
	switch {
	case r.Refused != nil:
		return fmt.Sprintf("refused %s %s", r.Refused.Code, r.Refused.Field)
	case has(r, "account") && !known:
		return "refused unknown_account account"
	case was != nil && is.account != was.account:
		return "refused other_owner account"
	case was == nil && !has(r, "account"):
		return "refused missing_value account"
	case was == nil && !has(r, "imsis"):
		return "refused missing_value imsis"
	case was == nil && !has(r, "plan"):
		return "refused missing_value plan"
	case was == nil && !m.owners[is.account]:
		return "refused account_closed account"
	case has(r, "plan") && (was == nil || is.plan != was.plan) && !slices.Contains(m.plans, is.plan):
		return "refused unknown_plan plan"
	case was == nil:
		return "created"
	}
	var refused *transfer.StatusError
	if err := transfer.ChangeStatus(storage.SyncStatusActor, was.status, is.status, is.protect); errors.As(err, &refused) {
		if refused.Protected {
			return "refused sim_protected status"
		}
		return "refused sim_status status"
	}
	outcome := "changed"
	for _, f := range []struct {
		name    string
		differs bool
	}{
		{"status", was.status != is.status},
		{"plan", was.plan != is.plan},
		{"imsis", !slices.Equal(was.imsis, is.imsis)},
		{"msisdns", !slices.Equal(was.msisdns, is.msisdns)},
		{"lot", was.lot != is.lot},
		{"external_id", was.external != is.external},
		{"termination_protection", was.protect != is.protect},
		{"group", was.group != is.group},
	} {
		if f.differs {
			outcome += " " + f.name
		}
	}
	if outcome == "changed" {
		return "unchanged"
	}
	return outcome
}

// syncedInventory reads all SIMs in the form of the model.
func syncedInventory(t *testing.T, db *storagetest.DB) []modelSIM {
	t.Helper()
	var list []modelSIM
	sims, err := db.DB.SIMs(t.Context(), storage.SIMPage{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	value := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	for _, s := range sims {
		list = append(list, modelSIM{
			iccid: s.ICCID, account: s.OperatorID.Ref(), status: s.Status, plan: s.Plan,
			imsis: append([]string{}, s.IMSIs...), msisdns: append([]string{}, s.MSISDNs...),
			external: value(s.ExternalID), group: value(s.Group), lot: value(s.Lot), protect: s.TerminationProtection,
		})
	}
	return sorted(list)
}

func sorted(list []modelSIM) []modelSIM {
	slices.SortFunc(list, func(a, b modelSIM) int { return cmp.Compare(a.iccid, b.iccid) })
	return list
}

// drawSyncRow draws a row from so few values that rows get in each other's way.
func drawSyncRow(t *rapid.T, owners []transfer.AccountRef) storage.SyncRow {
	iccids := []string{
		"8988211000000000011", "898821100000000001", "8988211000000000029", "898821100000000003",
		"8988211000000000045", "89882110000000000052", "8988211000000000060",
	}
	ids := func(label, format string, min, max, of int) []transfer.Identifier {
		var list []transfer.Identifier
		for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, of-1), min, max, rapid.ID).Draw(t, label) {
			list = append(list, storagetest.Identifier(fmt.Sprintf(format, n)))
		}
		return list
	}
	optional := func(label string, of int) *string {
		if n := rapid.IntRange(-1, of-1).Draw(t, label); n >= 0 {
			return new(fmt.Sprint(label, n))
		}
		return nil
	}
	sim := storage.NewSIM{
		ICCID:   storagetest.Identifier(rapid.SampledFrom(iccids).Draw(t, "iccid")),
		Account: rapid.SampledFrom(owners).Draw(t, "account"),
		Status:  rapid.SampledFrom(append(transfer.Statuses(), transfer.Active, transfer.Active, transfer.Inactive)).Draw(t, "status"),
		Plan:    rapid.SampledFrom([]string{"p1", "p1", "p2", "p2", "none"}).Draw(t, "plan"),
		IMSIs:   ids("imsis", "90170000000001%d", 1, 2, 9),
		MSISDNs: ids("msisdns", "88351000001%d", 0, 2, 9),
	}
	sim.ExternalID, sim.Group, sim.Lot = optional("external", 4), optional("group", 2), optional("lot", 2)
	sim.TerminationProtection = rapid.Bool().Draw(t, "protection")
	if rapid.IntRange(0, 15).Draw(t, "refused") == 0 {
		return storage.SyncRow{SIM: storage.NewSIM{ICCID: sim.ICCID}, Refused: &storage.SyncRefusal{Code: "bad_value", Field: "tags", Value: "a tag is wrong"}}
	}
	fields := []string{"account", "plan", "imsis"}
	if rapid.IntRange(0, 3).Draw(t, "some") == 0 {
		fields = slices.DeleteFunc(fields, func(string) bool { return rapid.Bool().Draw(t, "omitted") })
	}
	for _, f := range []string{"status", "msisdns", "external_id", "group", "lot", "termination_protection"} {
		if rapid.Bool().Draw(t, f+" given") {
			fields = append(fields, f)
		}
	}
	return syncRow(sim, fields...)
}

// A sync does what the model says, a second one changes nothing, and the order of
// the rows does not matter.
func TestSyncFollowsTheModel(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	open, other, closed := db.Account(), db.Account(), db.Account()
	db.Exec(`UPDATE accounts SET standing = 'closed' WHERE id = $1`, closed.ID)
	db.Exec(`INSERT INTO plans (name, coverage_bound) VALUES ('p1', false), ('p2', true)`)
	owners := []transfer.AccountRef{open.OperatorID.Ref(), open.OperatorID.Ref(), open.OperatorID.Ref(), open.OperatorID.Ref(), other.OperatorID.Ref(), closed.OperatorID.Ref(), "OP9999999999"}
	rapid.Check(t, func(rt *rapid.T) {
		db.Exec(`TRUNCATE sims, identifiers, sim_details, registrations, changes`)
		m := &syncModel{
			owners: map[transfer.AccountRef]bool{open.OperatorID.Ref(): true, other.OperatorID.Ref(): true, closed.OperatorID.Ref(): false},
			plans:  []string{"p1", "p2"},
		}
		for range rapid.IntRange(1, 2).Draw(rt, "syncs") {
			options := storage.SyncOptions{Compare: rapid.SampledFrom([]int{1, 1000}).Draw(rt, "compare")}
			rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) storage.SyncRow { return drawSyncRow(t, owners) }), 1, 8).Draw(rt, "rows")
			before := len(storagetest.All[int64](db, `SELECT id FROM changes`))
			var reversed []string
			_ = db.InTx(t.Context(), func(tx *storage.Tx) error { // the other way round, without a commit
				back := slices.Clone(rows)
				slices.Reverse(back)
				s, err := tx.SyncSIMs(t.Context(), options, syncRows(back))
				if err != nil {
					rt.Fatal(err)
				}
				if err := s.Outcomes(t.Context(), storage.SyncedFilter{Unchanged: true}, func(r storage.SyncedRow) error {
					reversed = append(reversed, describe(r))
					return nil
				}); err != nil {
					rt.Fatal(err)
				}
				return errors.New("not committed")
			})
			want := m.sync(rows)
			_, got := syncSIMs(t, db, options, rows...)
			if diff := gocmp.Diff(want, describeAll(got)); diff != "" {
				rt.Fatalf("outcomes (-model +sync):\n%s", diff)
			}
			slices.Reverse(reversed)
			if diff := gocmp.Diff(want, reversed); diff != "" {
				rt.Fatalf("outcomes of the reversed rows (-model +sync):\n%s", diff)
			}
			var sims []modelSIM
			for _, s := range m.sims {
				sims = append(sims, *s)
			}
			if diff := gocmp.Diff(sorted(sims), syncedInventory(t, db), gocmp.AllowUnexported(modelSIM{})); diff != "" {
				rt.Fatalf("inventory (-model +sync):\n%s", diff)
			}
			checkSyncChanges(rt, db, before, got)
			result, again := syncSIMs(t, db, storage.SyncOptions{}, rows...)
			for i, r := range again {
				if refused := got[i].Outcome == storage.SyncRefused; refused && describe(r) != describe(got[i]) || !refused && r.Outcome != storage.SyncUnchanged {
					rt.Fatalf("row %d was %q, and the second time %q", i, describe(got[i]), describe(r))
				}
			}
			if result.Created+result.Changed != 0 {
				rt.Fatalf("the second sync: %+v", result)
			}
		}
	})
	db.Check()
}

// checkSyncChanges compares the changes that were recorded with the outcomes.
func checkSyncChanges(t *rapid.T, db *storagetest.DB, before int, rows []storage.SyncedRow) {
	want := map[string]int{}
	for _, r := range rows {
		if r.Outcome == storage.SyncCreated {
			want["created"]++
		}
		for _, field := range r.Fields {
			switch field {
			case "status", "plan":
				want[field+"_changed"]++
			}
		}
		if slices.ContainsFunc(r.Fields, func(f string) bool { return slices.Contains([]string{"imsis", "msisdns", "eid", "external_id"}, f) }) {
			want["identifiers_changed"]++
		}
	}
	got := map[string]int{}
	for _, c := range storagetest.All[struct {
		Kind string `db:"kind"`
		SIMs int    `db:"sims"`
	}](db, `SELECT kind, cardinality(sims) AS sims FROM changes ORDER BY id OFFSET $1`, before) {
		got[c.Kind] += c.SIMs
	}
	if !maps.Equal(want, got) {
		t.Fatalf("changes recorded: %v, want %v", got, want)
	}
	if n := storagetest.One[int](db, `
		SELECT count(*)
		FROM (SELECT DISTINCT ON (sims[1]) sims[1] AS sim, before, after FROM changes WHERE kind = 'identifiers_changed' ORDER BY sims[1], id DESC) AS c
		WHERE c.before = c.after
		   OR c.after->'imsis' <> to_jsonb(ARRAY(SELECT identifier FROM identifiers WHERE sim = c.sim AND kind = 'imsi' ORDER BY identifier))
		   OR c.after->>'external_id' IS DISTINCT FROM (SELECT external_id FROM sim_details WHERE sim = c.sim)`); n > 0 {
		t.Fatalf("%d changes of identifiers do not end in the present ones", n)
	}
}

// Numbers, IMSIs and external ids can go around in a circle within one file.
func TestSyncMovesIdentifiers(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a := db.Account()
	sims := db.SIMs(50, storagetest.SIM{Account: a.ID})
	for _, s := range sims {
		db.Exec(`INSERT INTO sim_details (sim, external_id) VALUES ($1, $2)`, s.ID, "x"+s.ICCID)
	}
	rows := make([]storage.SyncRow, len(sims))
	for i, s := range sims {
		next := sims[(i+1)%len(sims)]
		rows[i] = syncRow(storage.NewSIM{
			ICCID: s.Identifier(), IMSIs: []transfer.Identifier{storagetest.Identifier(next.IMSI)}, MSISDNs: []transfer.Identifier{storagetest.Identifier(next.MSISDN)},
			SIMDetails: storage.SIMDetails{ExternalID: new("x" + next.ICCID)},
		}, "imsis", "msisdns", "external_id")
	}
	if result, _ := syncSIMs(t, db, storage.SyncOptions{}, rows...); result.Changed != len(sims) {
		t.Fatalf("%+v", result)
	}
	for i, s := range sims {
		next := sims[(i+1)%len(sims)]
		got := storagetest.One[string](db, `SELECT concat_ws(' ', imsi.identifier, msisdn.identifier, d.external_id)
			FROM identifiers imsi, identifiers msisdn, sim_details d
			WHERE imsi.sim = $1 AND msisdn.sim = $1 AND d.sim = $1 AND imsi.kind = 'imsi' AND msisdn.kind = 'msisdn'`, s.ID)
		if want := next.IMSI + " " + next.MSISDN + " x" + next.ICCID; got != want {
			t.Errorf("SIM %d has %s, want %s", i, got, want)
		}
	}
	// Back again: if the first row is refused, its SIM keeps what another one would
	// get, and so on around the circle.
	for i, own := range sims {
		rows[i].SIM.IMSIs = []transfer.Identifier{storagetest.Identifier(own.IMSI)}
		rows[i].SIM.MSISDNs = []transfer.Identifier{storagetest.Identifier(own.MSISDN)}
		rows[i].SIM.ExternalID = new("x" + own.ICCID)
	}
	rows[0].Fields = rows[0].Fields.With(storage.SyncPlan)
	rows[0].SIM.Plan = "no such plan"
	rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if result, got := syncSIMs(t, db, storage.SyncOptions{}, rows...); result.Refused != len(sims) {
		t.Errorf("%+v, %q", result, describeAll(got))
	}
	db.Check()
}

// A full sync lists the SIMs that the file does not have, and retires them only if
// the options ask for it, they are few enough, and the rules allow it.
// A SIM that was retired as a wrong import is not the SIM of a row with its ICCID.
func TestSyncAfterARetirement(t *testing.T) {
	t.Parallel()
	for _, compare := range []int{1, 1000} {
		db := storagetest.Open(t)
		a := db.Account()
		wrong := db.SIM(storagetest.SIM{Account: a.ID})
		db.Exec(`UPDATE sims SET termination_protection = false`)
		if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
			_, err := tx.RetireSIM(t.Context(), storage.System(), wrong.Identifier(), "imported twice", nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		right := syncRow(storage.NewSIM{
			ICCID: wrong.Identifier(), Account: a.OperatorID.Ref(), Plan: wrong.Plan, IMSIs: []transfer.Identifier{storagetest.Identifier("001010000099999")},
		}, "account", "plan", "imsis")
		for _, want := range []string{"created", "unchanged"} {
			result, got := syncSIMs(t, db, storage.SyncOptions{Full: true, Compare: compare}, right)
			if diff := gocmp.Diff([]string{want}, describeAll(got)); diff != "" || result.Missing != 0 {
				t.Errorf("compare %d: %+v (-want +got):\n%s", compare, result, diff)
			}
		}
	}
}

func TestFullSync(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a, b := db.Account(), db.Account()
	sims := db.SIMs(10, storagetest.SIM{Account: a.ID, Status: transfer.Active})
	db.SIMs(5, storagetest.SIM{Account: b.ID})
	db.Exec(`UPDATE sims SET termination_protection = false`)
	db.Exec(`UPDATE sims SET termination_protection = true WHERE id = $1`, sims[9].ID)
	db.Exec(`UPDATE sims SET status = 'terminated' WHERE id = $1`, sims[0].ID)
	request := db.Request(storagetest.Request{From: a, To: b, SIMs: []storagetest.SIM{sims[8]}})
	db.Exec(`INSERT INTO open_transfers (sim, request, n) VALUES ($1, $2, 0)`, sims[8].ID, request)
	var rows []storage.SyncRow
	for _, s := range sims[:6] {
		rows = append(rows, syncRow(storage.NewSIM{ICCID: s.Identifier(), Account: a.OperatorID.Ref()}, "account"))
	}
	rows[5].Refused = &storage.SyncRefusal{Code: "bad_value", Field: "tags", Value: "wrong"} // but the file has the SIM
	full := storage.SyncOptions{Full: true, Account: a.ID}
	result, got := syncSIMs(t, db, full, rows...)
	if result.Missing != 4 || result.Unchanged != 5 || result.Refused != 1 || result.Retired != 0 || len(got) != 10 {
		t.Errorf("listed only: %+v, %q", result, describeAll(got))
	}
	full.RetireMissing, full.MaxShare = true, 0.3
	var tooMany *storage.RetireShareError
	if _, _, err := trySync(t, db, full, rows...); !errors.As(err, &tooMany) || tooMany.Missing != 4 || tooMany.SIMs != 9 {
		t.Errorf("with a share of 0.3: %v", err)
	}
	full.MaxShare = 0.45
	result, got = syncSIMs(t, db, full, rows...)
	if result.Retired != 2 || result.Refused != 3 || result.Missing != 0 {
		t.Errorf("retired: %+v", result)
	}
	want := []string{
		"unchanged", "unchanged", "unchanged", "unchanged", "unchanged", "refused bad_value tags",
		"retired status", "retired status", "refused sim_in_transfer status", "refused sim_protected status",
	}
	if diff := gocmp.Diff(want, describeAll(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if other := got[8].Other; other == nil || *other != request.String() {
		t.Errorf("the SIM in a transfer is in request %v, want %s", other, request)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM sims WHERE status = 'terminated'`); n != 3 {
		t.Errorf("%d SIMs are terminated, want 3", n)
	}
}

// newSyncRows returns rows of SIMs that are new.
func newSyncRows(db *storagetest.DB, n int) []storage.SyncRow {
	owner := db.Account()
	plan := db.SIM(storagetest.SIM{Account: owner.ID}).Plan
	rows := make([]storage.SyncRow, n)
	for i := range rows {
		rows[i] = syncRow(storage.NewSIM{
			ICCID: storagetest.Identifier(fmt.Sprintf("8988211%012d", i)), Account: owner.OperatorID.Ref(), Plan: plan,
			IMSIs: []transfer.Identifier{storagetest.Identifier(fmt.Sprintf("00101%010d", i))},
		}, "account", "plan", "imsis")
	}
	return rows
}

// staleInventory takes statistics that say that the inventory is almost empty, although
// it takes up pages: those of rows that are not committed.
func staleInventory(db *storagetest.DB, rows []storage.SyncRow) {
	db.Hold(func(tx *storage.Tx) error {
		_, err := tx.SyncSIMs(context.Background(), storage.SyncOptions{}, syncRows(rows))
		return err
	}).Rollback()
	db.Exec(`ANALYZE sims, identifiers`)
}

// A sync looks at each row a few times, even if autovacuum takes statistics while the
// first SIMs are being loaded, or has done so before: they say that the inventory is
// empty.
func TestSyncIsLinear(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	const stale = `UPDATE pg_class SET reltuples = 1, relpages = pg_relation_size(oid) / 8192
		WHERE oid IN ('sims'::regclass, 'identifiers'::regclass)`
	db.Exec(`CREATE TABLE looked (rows bigint)`)
	db.Exec(`CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO looked SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_all_tables;
		RETURN NULL;
	END $$`)
	db.Exec(`CREATE TRIGGER look AFTER UPDATE ON sims FOR EACH STATEMENT EXECUTE FUNCTION look()`)
	db.Exec(`CREATE TRIGGER look AFTER INSERT ON changes FOR EACH STATEMENT EXECUTE FUNCTION look()`)
	db.Exec(`CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ` + stale + `; RETURN NULL; END $$`)
	db.Exec(`CREATE TRIGGER spoil AFTER INSERT ON identifiers FOR EACH STATEMENT EXECUTE FUNCTION spoil()`)
	rows := newSyncRows(db, 2000)
	for _, x := range []struct {
		name   string
		change func(*storage.SyncRow)
	}{
		{"first load", func(*storage.SyncRow) {}},
		{"transfer locks", func(r *storage.SyncRow) { r.SIM.TransferLock, r.Fields = true, r.Fields.With(storage.SyncTransferLock) }},
		{"other IMSIs", func(r *storage.SyncRow) {
			r.SIM.IMSIs = []transfer.Identifier{storagetest.Identifier("1" + r.SIM.IMSIs[0].String()[1:])}
		}},
	} {
		for i := range rows {
			x.change(&rows[i])
		}
		result, _ := syncSIMs(t, db, storage.SyncOptions{Full: true}, rows...)
		if n := result.Created + result.Changed; n != len(rows) {
			t.Fatalf("%s: %d rows changed something: %+v", x.name, n, result)
		}
		if n := storagetest.One[int](db, `SELECT max(rows) FROM looked`); n > 500*len(rows) {
			t.Errorf("%s: the statements looked at %d rows, for a file of %d", x.name, n, len(rows))
		}
		db.Exec(`TRUNCATE looked`)
		db.Exec(stale)
	}
}

// A sync does not rely on statistics that say that the inventory is empty, as
// autovacuum takes them while the first SIMs are being loaded: joins would read
// everything for each SIM.
func TestSyncRefreshesStatistics(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	rows := newSyncRows(db, 2000)
	staleInventory(db, rows)
	known := func() string {
		return storagetest.One[string](db, `SELECT string_agg(relname || ' ' || (reltuples > relpages), ', ' ORDER BY relname)
			FROM pg_class WHERE oid IN ('sims'::regclass, 'identifiers'::regclass)`)
	}
	if got := known(); got != "identifiers false, sims false" {
		t.Fatalf("before: %s", got)
	}
	syncSIMs(t, db, storage.SyncOptions{}, rows...) // creates them
	result, _ := syncSIMs(t, db, storage.SyncOptions{}, rows...)
	if got := known(); got != "identifiers true, sims true" || result.Unchanged != len(rows) {
		t.Errorf("statistics are usable: %s; %+v", got, result)
	}
	db.Check()
}

// Of two syncs at once, the second one waits.
func TestSyncsDoNotMix(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a := db.Account()
	s := db.SIM(storagetest.SIM{Account: a.ID})
	row := syncRow(storage.NewSIM{ICCID: s.Identifier(), SIMSettings: storage.SIMSettings{Group: new("first")}}, "group")
	second := make(chan error)
	err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		if _, err := tx.SyncSIMs(t.Context(), storage.SyncOptions{}, syncRows([]storage.SyncRow{row})); err != nil {
			return err
		}
		go func() {
			_, _, err := trySync(t, db, storage.SyncOptions{}, syncRow(storage.NewSIM{ICCID: s.Identifier(), SIMSettings: storage.SIMSettings{Group: new("second")}}, "group"))
			second <- err
		}()
		db.AwaitBlocked(1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	if got := storagetest.One[string](db, `SELECT sim_group FROM sims`); got != "second" {
		t.Errorf("the group is %s", got)
	}
}

// A SIM that is retired as a wrong import while a sync waits for it is not changed
// by the sync: the row is for a SIM that the inventory does not have.
func TestSyncOfASIMThatIsRetired(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	s := db.SIM(storagetest.SIM{Account: db.Account().ID})
	db.Exec(`UPDATE sims SET termination_protection = false`)
	held := db.Hold(func(tx *storage.Tx) error {
		_, err := tx.RetireSIM(t.Context(), storage.Actor{Name: "root"}, s.Identifier(), "a wrong import", nil)
		return err
	})
	var outcomes []storage.SyncedRow
	synced := storagetest.Go(func() (err error) {
		_, outcomes, err = trySync(t, db, storage.SyncOptions{}, syncRow(storage.NewSIM{ICCID: s.Identifier(), SIMSettings: storage.SIMSettings{Group: new("new")}}, "group"))
		return err
	})
	db.AwaitBlocked(1)
	held.Commit()
	if err := <-synced; err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"refused missing_value account"}, describeAll(outcomes)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := storagetest.One[string](db, `SELECT sim_group FROM sims`); got == "new" {
		t.Error("the sync changed a SIM that was retired")
	}
}
