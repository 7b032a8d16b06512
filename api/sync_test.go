package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// syncSIMs sends a file to be synced. The query begins with a question mark.
func (s *testService) syncSIMs(query, text string, header ...string) testResponse {
	s.t.Helper()
	h := map[string]string{"Content-Type": "text/csv"}
	for i := 0; i < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return s.do(apiCall{method: "PUT", path: "/v1/sims" + query, key: s.admin, body: text, header: h})
}

func (s *testService) sim(identifier string) SIM {
	s.t.Helper()
	return read[SIM](s.get(s.admin, "/v1/sims/"+identifier).is(200))
}

func TestSync(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Active)
	file := "\ufeffICC ID;State;Plan;MSISDNs;Notes;account;imsis\r\n" +
		iccid(1) + ";SUSPENDED;local-01;+12025550101;x;" + sourceID + ";\r\n" +
		iccid(2) + ";;;;;" + destinationID + ";\r\n" + // another owner
		iccid(3) + ";Active;global-01;;;;\r\n" + // unchanged
		iccid(4) + ";ready;;;;;\r\n" + // not allowed
		iccid(5) + ";;global-01;+12025550105;;" + sourceID + ";" + imsi(5) + "\r\n" + // new
		iccid(6) + ";;global-01;;;" + sourceID + ";12\r\n" // not valid
	const mapped = "?map=ICC+ID%3Diccid&map=state%3Dstatus&map=Notes%3D"
	want := Synced{
		Rows: 6, Created: 1, Changed: 1, Unchanged: 1, Refused: 3, ChangedFields: map[string]int{"status": 1, "plan": 1, "msisdns": 1},
		Errors: []problem.FieldError{
			{Line: 3, Column: "account", Code: "other_owner", Message: "the SIM belongs to " + sourceID + ", not to " + destinationID + ": a sync does not change owners. Correct the row, or transfer the SIM"},
			{Line: 5, Column: "status", Code: "sim_status", Message: "the status cannot change from active to ready: a SIM that has been used does not become ready again, and only an administrator can correct it, with a reason"},
			{Line: 7, Column: "imsis", Code: "bad_value", Message: `"12" is not an IMSI: an IMSI has 14 or 15 digits and no plus`},
		},
	}
	before := s.queryInt(`SELECT count(*) FROM audit`)
	dry := want
	dry.DryRun = true
	if diff := cmp.Diff(dry, read[Synced](s.syncSIMs(mapped+"&dry_run=true", file).is(200))); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	if sim := s.sim(iccid(1)); sim.Status != transfer.Active || s.queryInt(`SELECT count(*) FROM audit`) != before || s.queryInt(`SELECT count(*) FROM sims`) != 4 {
		t.Errorf("the dry run has changed something: %+v", sim)
	}
	if diff := cmp.Diff(want, read[Synced](s.syncSIMs(mapped, file).is(200))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sim := s.sim("+12025550101"); sim.ICCID != iccid(1) || sim.Status != transfer.Suspended || sim.Plan != "local-01" || sim.Tags["site"] != "north" {
		t.Errorf("changed to %+v", sim)
	}
	if sim := s.sim(imsi(5)); sim.ICCID != iccid(5) || sim.Status != transfer.Ready || sim.Account != sourceID {
		t.Errorf("created %+v", sim)
	}
	again := read[Synced](s.syncSIMs(mapped, file).is(200))
	if again.Created+again.Changed != 0 || again.Unchanged != 3 || again.Refused != 3 {
		t.Errorf("again: %+v", again)
	}
	if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'sim.sync' AND after->>'refused' = '3' AND object_id LIKE 'sha256:%'`); n != 2 {
		t.Errorf("%d entries in the audit trail, not 2", n)
	}
}

// A column that is left out leaves values as they are; an empty value, or null,
// clears what can be empty.
func TestSyncClearsWhatIsEmpty(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Active)
	whole := fmt.Sprintf(`[{"iccid":%q,"msisdns":["12025550101"],"tags":{"a":"b"},"group":"g","speed_class":"f","lot":"7","external_id":"x","eid":"89033023001211360000000006736112",`+
		`"imei_lock":"490154203237518","expiration":"2030-01-01","termination_protection":true,"transfer_lock":true,"containers":["p"],"event_handlers":["h"]}]`, iccid(1))
	if got := read[Synced](s.syncSIMs("", whole, "Content-Type", "application/json").is(200)); got.Changed != 1 || len(got.ChangedFields) != 13 {
		t.Errorf("%+v", got)
	}
	full := s.sim(iccid(1))
	if full.Group == nil || full.EID == nil || !full.TransferLock || len(full.Containers) != 1 || full.Expiration == nil {
		t.Errorf("%+v", full)
	}
	s.syncSIMs("", `{"iccid":"`+iccid(1)+`","plan":null,"status":"","imsis":null,"account":""}`, "Content-Type", "application/x-ndjson").is(200)
	if got := s.sim(iccid(1)); got.UpdatedAt != full.UpdatedAt {
		t.Errorf("%+v\nhas changed from\n%+v", got, full)
	}
	empty := strings.NewReplacer(`["12025550101"]`, "null", `{"a":"b"}`, `""`, `"g"`, "null", `"f"`, `""`, `"7"`, "null", `"x"`, "null", `"89033023001211360000000006736112"`, "null",
		`"490154203237518"`, "null", `"2030-01-01"`, "null", "true", `""`, `["p"]`, "[]", `["h"]`, "null").Replace(whole)
	if got := read[Synced](s.syncSIMs("", empty, "Content-Type", "application/json").is(200)); got.Changed != 1 || len(got.ChangedFields) != 13 {
		t.Errorf("%+v", got)
	}
	got := s.sim(iccid(1))
	if got.Group != nil || got.EID != nil || got.Lot != nil || got.ExternalID != nil || got.SpeedClass != nil || got.IMEILock != nil || got.Expiration != nil ||
		got.TransferLock || got.TerminationProtection || len(got.Tags)+len(got.MSISDNs)+len(got.Containers)+len(got.EventHandlers) != 0 {
		t.Errorf("%+v", got)
	}
	if got.Status != transfer.Active || got.Plan != "global-01" || len(got.IMSIs) != 1 || got.Account != sourceID {
		t.Errorf("%+v", got)
	}
}

// The rows of the answer come with their number, in both formats.
func TestSyncAnswersRows(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Active)
	file := "iccid,status,plan\n" + iccid(1) + ",suspended,\n" + iccid(2) + ",,nowhere\n" + iccid(3) + ",active,\n"
	a := s.syncSIMs("?dry_run=true&mode=full&include_unchanged=true", file, "Accept", "application/x-ndjson").is(200)
	if got := a.header.Get("Simtransfer-Rows") + " " + a.header.Get("Simtransfer-Sync"); got != "3 dry_run=?1, rows=3, created=0, changed=1, unchanged=1, refused=1, missing=0, retired=0" {
		t.Errorf("header %q", got)
	}
	var rows []SyncedRow
	for line := range strings.Lines(a.text) {
		var r SyncedRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	id := func(n int) *string { return new(iccid(n)) }
	want := []SyncedRow{
		{Line: 2, ICCID: id(1), Outcome: "changed", Before: map[string]any{"status": "active"}, After: map[string]any{"status": "suspended"}},
		{Line: 3, ICCID: id(2), Outcome: "refused", Code: "unknown_plan", Column: "plan", Message: `there is no plan "nowhere": create the plan first`},
		{Line: 4, ICCID: id(3), Outcome: "unchanged"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a = s.syncSIMs("?mode=full", "iccid,status\n"+iccid(1)+",suspended\n", "Accept", "text/csv").is(200)
	table, err := csv.NewReader(strings.NewReader(a.text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	wantTable := [][]string{
		strings.Split(syncedHeader, ","),
		{"2", iccid(1), "changed", "status", `{"status": "active"}`, `{"status": "suspended"}`, "", "", ""},
		{"0", iccid(2), "missing", "", "", "", "", "", ""},
		{"0", iccid(3), "missing", "", "", "", "", "", ""},
	}
	if diff := cmp.Diff(wantTable, table); diff != "" || a.header.Get("Simtransfer-Rows") != "3" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Nothing is changed by a file that is not a table, by parameters that contradict
// each other, or if more SIMs would be retired than allowed.
func TestSyncsThatChangeNothing(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Active)
	good := "iccid,status\n" + iccid(1) + ",suspended\n"
	for _, c := range []struct {
		name, query, file string
		header            []string
		status            int
		code              problem.Code
		message           string
	}{
		{"too few values", "", good + iccid(2) + "\n", nil, 422, problem.InvalidLines, "1 value"},
		{"no ICCID column", "", "status\nactive\n", nil, 422, problem.InvalidLines, `no column "iccid"`},
		{"unknown column", "", "iccid,State\n" + iccid(1) + ",active\n", nil, 422, problem.InvalidLines, `unknown column "State"`},
		{"not UTF-8", "", good + iccid(2) + ",\xff\n", nil, 422, problem.InvalidLines, "UTF-8"},
		{"empty", "", "", nil, 422, problem.InvalidLines, "empty"},
		{"a mapping to nothing known", "?map=a%3Db", good, nil, 422, problem.Invalid, `no column "b"`},
		{"retirement without a share", "?mode=full&retire_missing=true", good, nil, 422, problem.Invalid, "0.01"},
		{"a share without retirement", "?mode=full&max_retire_share=0.1", good, nil, 422, problem.Invalid, "retire_missing"},
		{"a share that is not a number", "?mode=full&retire_missing=true&max_retire_share=NaN", good, nil, 422, problem.Invalid, "from 0 to 1"},
		{"retirement of a part", "?retire_missing=true&max_retire_share=0.1", good, nil, 422, problem.Invalid, "mode=full"},
		{"an account without full", "?account=" + sourceID, good, nil, 422, problem.Invalid, "mode=full"},
		{"too many missing", "?mode=full&retire_missing=true&max_retire_share=0.5", good, nil, 409, problem.RetireShare, "does not have 3 of 4 SIMs"},
		{"another number of changes", "?expect_changes=2", good, nil, 409, problem.SIMCount, "SIMs that would change: 1, not 2"},
		{"no number of changes", "?expect_changes=-1", good, nil, 422, problem.Invalid, "expect_changes"},
		{"an ICCID that cannot be read", "?mode=full&retire_missing=true&max_retire_share=1", good + "x,active\n", nil, 422, problem.InvalidLines, `"x"`},
		{"a key with rows", "", good, []string{"Accept", "text/csv", "Idempotency-Key", "k"}, 422, problem.Invalid, "Idempotency-Key"},
		{"unchanged rows without rows", "?include_unchanged=true", good, nil, 422, problem.Invalid, "ndjson"},
		{"another format", "", good, []string{"Accept", "text/html"}, 406, problem.NotAcceptable, ""},
	} {
		p := s.syncSIMs(c.query, c.file, c.header...).problem(c.status, c.code)
		text, _ := json.Marshal(p)
		if c.message != "" && !strings.Contains(strings.ReplaceAll(string(text), `\"`, `"`), c.message) {
			t.Errorf("%s: %s does not contain %q", c.name, text, c.message)
		}
	}
	if n := s.queryInt(`SELECT count(*) FROM sims WHERE status <> 'active'`); n != 0 {
		t.Errorf("%d SIMs were changed", n)
	}
	retired := read[Synced](s.syncSIMs("?mode=full&retire_missing=true&max_retire_share=0.75&expect_changes=4&account="+sourceID, good).is(200))
	if retired.Retired != 3 || retired.Changed != 1 {
		t.Errorf("%+v", retired)
	}
}

// The rows of the file of an account are SIMs of this account: a SIM that has been
// transferred to another one since is refused, and a new SIM belongs to the account.
func TestSyncOfAnAccount(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Active)
	s.post(s.admin, "/v1/sims/"+iccid(2)+"/owner-corrections", map[string]any{"account": destinationID, "reason": "x"}).is(200)
	file := "iccid,status,imsis,plan\n" + iccid(1) + ",suspended,,\n" + iccid(2) + ",suspended,,\n" + iccid(3) + ",," + imsi(3) + ",global-01\n"
	got := read[Synced](s.syncSIMs("?mode=full&account="+sourceID, file).is(200))
	if got.Changed != 1 || got.Created != 1 || got.Refused != 1 || got.Missing != 0 || !strings.Contains(got.Errors[0].Message, "belongs to "+destinationID+", not to "+sourceID) {
		t.Errorf("%+v", got)
	}
	if sim := s.sim(iccid(3)); sim.Account != sourceID {
		t.Errorf("the new SIM belongs to %s", sim.Account)
	}
}

// A repeated call with an Idempotency-Key gets the stored answer.
func TestSyncWithAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Active)
	file := "iccid,status\n" + iccid(1) + ",suspended\n"
	first := s.syncSIMs("", file, "Idempotency-Key", "k").is(200)
	second := s.syncSIMs("", file, "Idempotency-Key", "k").is(200)
	if first.text != second.text || second.header.Get("Idempotent-Replayed") != "true" || read[Synced](second).Changed != 1 {
		t.Errorf("%s, and then %s", first.text, second.text)
	}
	s.syncSIMs("", file+"\n", "Idempotency-Key", "k").problem(422, problem.IdempotencyKeyReused)
}

// A SIM that is in an open transfer can change in every state of the request. The
// transfer then sees the change when it is executed.
func TestSyncDuringATransfer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, column string
		reason        transfer.Reason // why the SIM is not transferred; empty: it is
	}{
		{"suspended", "status", ""}, // active SIMs and suspended ones need support
		{"terminated", "status", "sim_terminated"},
		{"local-01", "plan", ""}, // both accounts have the same coverage
		{"+12025550177", "msisdns", ""},
		{"true", "transfer_lock", "sim_locked"},
	} {
		for _, state := range []transfer.RequestState{transfer.Validating, transfer.InReview, transfer.AwaitingAcceptance, transfer.Transferring} {
			t.Run(c.column+" "+c.value+" "+string(state), func(t *testing.T) {
				t.Parallel()
				s := newTestService(t)
				s.sims(1, transfer.Active)
				request := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
				sync := func(now transfer.RequestState) {
					if now == state {
						if got := read[Synced](s.syncSIMs("", "iccid,"+c.column+"\n"+iccid(1)+","+c.value+"\n").is(200)); got.Changed != 1 {
							t.Fatalf("%+v", got)
						}
					}
				}
				sync(transfer.Validating)
				s.work()
				sync(transfer.InReview)
				if read[Request](s.get(s.support, request).is(200)).State == transfer.InReview {
					s.post(s.support, request+"/approve", map[string]any{"ticket": "T-1"}).is(202)
					sync(transfer.AwaitingAcceptance)
					s.post(s.destination, request+"/accept", nil).is(202)
					sync(transfer.Transferring)
					s.work()
				}
				list := read[List[Transfer]](s.get(s.support, request+"/transfers").is(200))
				if got := valueOrZero(list.Items[0].Reason); got != c.reason {
					t.Errorf("the reason is %q, not %q", got, c.reason)
				}
				if sim := s.sim(iccid(1)); (sim.Account == destinationID) != (c.reason == "") {
					t.Errorf("the SIM belongs to %s", sim.Account)
				}
			})
		}
	}
}

// Of two syncs at the same time, both are applied, or one gets the answer that the
// other runs.
func TestConcurrentSyncs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(20, transfer.Active)
	var group sync.WaitGroup
	statuses := make([]int, 4)
	for i := range statuses {
		group.Go(func() {
			var file strings.Builder
			file.WriteString("iccid,group\n")
			for n := 1; n <= 20; n++ {
				fmt.Fprintf(&file, "%s,%d\n", iccid(n), i)
			}
			statuses[i] = s.syncSIMs("", file.String()).status
		})
	}
	group.Wait()
	if !slices.Contains(statuses, http.StatusOK) || slices.ContainsFunc(statuses, func(code int) bool {
		return code != http.StatusOK && code != http.StatusConflict && code != http.StatusTooManyRequests
	}) {
		t.Errorf("statuses %v", statuses)
	}
	if n := s.queryInt(`SELECT count(DISTINCT sim_group) FROM sims`); n != 1 {
		t.Errorf("%d groups, want those of one sync", n)
	}
}

// Every refusal that the database finds has a message of its own.
func TestMessagesOfSyncRefusals(t *testing.T) {
	t.Parallel()
	seen := map[string]storage.SyncCode{}
	for _, code := range storage.SyncCodes() {
		message := syncMessage(storage.SyncedRow{Line: 7, Code: &code, Value: new("terminated"), Other: new("active"), Field: new("status"), OtherLine: new(9)})
		if message == "terminated" || seen[message] != "" {
			t.Errorf("%s: %q, as %s", code, message, seen[message])
		}
		seen[message] = code
	}
	twice := storage.SyncDuplicate
	if message := syncMessage(storage.SyncedRow{Line: 7, Code: &twice, Value: new("the row has it twice"), Field: new("imsis")}); message != "the row has it twice" {
		t.Errorf("an identifier twice in a row: %q", message)
	}
}

// A value of JSON that has the wrong shape refuses its row, and not the file.
func TestSyncRefusesRowsOfJSON(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(5, transfer.Active)
	rows := []string{
		`{"iccid":"` + iccid(1) + `","status":"suspended"}`,
		`{"iccid":"` + iccid(2) + `","tags":{"site":"north;south"}}`,
		`{"iccid":"` + iccid(3) + `","tags":{"a=b":"c"}}`,
		`{"iccid":8988211000000000004,"status":"suspended"}`,
		`{"iccid":"` + iccid(5) + `","imsis":[1],"status":"unknown"}`,
	}
	for format, file := range map[string]string{typeNDJSON: strings.Join(rows, "\n"), typeJSON: "[" + strings.Join(rows, ",") + "]"} {
		v := read[Synced](s.syncSIMs("?dry_run=true", file, "Content-Type", format).is(200))
		var refused []string
		for _, e := range v.Errors {
			refused = append(refused, e.Column+" "+e.Code)
		}
		equal(t, refused, []string{"tags bad_value", "tags bad_value", "iccid bad_value", "imsis bad_value"})
		if v.Rows != 5 || v.Changed != 1 || v.Refused != 4 {
			t.Errorf("%s: %+v", format, v)
		}
	}
}
