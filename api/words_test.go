package api

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// worded is the body of a request with words.
func worded(words obj, sims ...string) obj {
	body := obj{"destination": obj{"email": emailOf(destinationID), "operator_id": destinationID}, "sims": sims}
	for name, value := range words {
		body[name] = value
	}
	return body
}

// Both sides see the references and the message as soon as the destination can
// decide, in every place that shows the request or its SIMs. A retry keeps them.
func TestReferencesAndMessage(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Active)
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, iccid(3))
	words := obj{
		"reference": " PO-4711\u200b", "message": "Two meters\nand a spare part",
		"sim_references": obj{iccid(1): "PO-4711/1", imsi(3): "PO-4711/3"},
	}
	made := read[Request](s.post(s.source, "/v1/transfer-requests", worded(words, iccid(1), iccid(2), imsi(3))).is(202))
	path := "/v1/transfer-requests/" + made.ID.String()
	s.work()
	if seen := read[List[Request]](s.get(s.destination, "/v1/transfer-requests?reference=PO-4711").is(200)).Items; len(seen) > 0 {
		t.Error("the destination finds a request that support still reviews")
	}
	s.post(s.support, path+"/approve", obj{"ticket": "T-1"}).is(202)
	s.awaitEvents()
	for _, key := range []string{s.source, s.destination, s.support} {
		r := read[Request](s.get(key, path).is(200))
		if valueOrZero(r.Reference) != "PO-4711" || valueOrZero(r.Message) != "Two meters\nand a spare part" {
			t.Errorf("request: %+q %+q", valueOrZero(r.Reference), valueOrZero(r.Message))
		}
		first := read[List[Transfer]](s.get(key, path+"/transfers").is(200)).Items
		if valueOrZero(first[0].Reference) != "PO-4711/1" || first[1].Reference != nil {
			t.Errorf("references of SIMs: %v, %v", first[0].Reference, first[1].Reference)
		}
		feed := read[Feed](s.get(key, "/v1/events?limit=200").is(200)).Items
		if last := feed[len(feed)-1]; valueOrZero(last.Reference) != "PO-4711" {
			t.Errorf("event: %+v", last)
		}
		for _, reference := range []string{"PO-4711", "PO-4711/1", " PO-4711 "} {
			found := read[List[Request]](s.get(key, "/v1/transfer-requests?reference="+url.QueryEscape(reference)).is(200)).Items
			if len(found) != 1 || found[0].ID != made.ID {
				t.Errorf("%q finds %d requests", reference, len(found))
			}
		}
		n := len(read[List[Request]](s.get(key, "/v1/transfer-requests?reference=PO-4711/3").is(200)).Items)
		if want := map[bool]int{true: 0, false: 1}[key == s.destination]; n != want {
			t.Errorf("the reference of an ineligible SIM finds %d requests, not %d", n, want)
		}
	}
	if r := read[Request](s.get(s.key(storage.NewKey{Role: storage.RoleFinance, Name: "finance"}), path).is(200)); r.Message != nil || valueOrZero(r.Reference) != "PO-4711" {
		t.Errorf("finance reads the message %v and the reference %v", r.Message, r.Reference)
	}
	if n := len(read[List[Request]](s.get(s.bystander, "/v1/transfer-requests?reference=PO-4711").is(200)).Items); n != 0 {
		t.Errorf("a bystander finds %d requests", n)
	}

	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	csv := s.results(s.destination, path, typeCSV).text
	if lines := strings.Split(csv, "\n"); !strings.HasSuffix(lines[0], ",reference,code,destination_external_id") || !strings.HasSuffix(lines[1], ",PO-4711/1,,") || !strings.HasSuffix(lines[2], ",,,") {
		t.Errorf("results:\n%s", csv)
	}
	s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + destinationID, key: s.admin, body: obj{"external_id": "C-9"}}).is(200)
	for key, want := range map[string]bool{s.source: false, s.destination: false, s.support: true} {
		if text := s.results(key, path, typeCSV).text; strings.Contains(text, ",C-9\n") != want {
			t.Errorf("results:\n%s", text)
		}
	}
	changes, _ := s.changes("kind=transferred")
	if c := changes[0]; valueOrZero(c.RequestReference) != "PO-4711" || valueOrZero(c.Reference) != "PO-4711/1" {
		t.Errorf("change: %+v", c)
	}
	for _, reference := range []string{"PO-4711", "PO-4711/1"} {
		csv := s.export(s.source, "transfers?state=completed&reference="+reference, typeCSV).text
		if !strings.Contains(csv, ",PO-4711,PO-4711/1,\n") {
			t.Errorf("export of %s:\n%s", reference, csv)
		}
	}
	if csv := s.export(s.support, "charges", typeCSV).text; !strings.Contains(csv, ",PO-4711,PO-4711/1\n") {
		t.Errorf("charges:\n%s", csv)
	}
	again := read[Request](s.post(s.source, path+"/retry", nil).is(202))
	lines := read[List[Transfer]](s.get(s.source, "/v1/transfer-requests/"+again.ID.String()+"/transfers").is(200)).Items
	if valueOrZero(again.Reference) != "PO-4711" || again.Message == nil || len(lines) != 1 || valueOrZero(lines[0].Reference) != "PO-4711/3" {
		t.Errorf("retry: %+v", again)
	}
	s.check()
}

func TestInvalidWords(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	for _, c := range []struct {
		words obj
		at    string
	}{
		{obj{"reference": "a\nb"}, "body.reference"},
		{obj{"reference": strings.Repeat("x", transfer.MaxReference+1)}, "body.reference"},
		{obj{"message": "x\u202ey"}, "body.message"},
		{obj{"message": strings.Repeat("x", transfer.MaxMessage+1)}, "body.message"},
		{obj{"unique_reference": true}, "body.unique_reference"},
		{obj{"unique_reference": true, "reference": "\u200b"}, "body.unique_reference"},
		{obj{"sim_references": obj{"x": "1"}}, `body.sim_references["x"]`},
		{obj{"sim_references": obj{iccid(2): "1"}}, `body.sim_references["` + iccid(2) + `"]`},
		{obj{"sim_references": obj{iccid(1): " "}}, `body.sim_references["` + iccid(1) + `"]`},
		{obj{"sim_references": obj{iccid(1): strings.Repeat("x", transfer.MaxReference+1)}}, `body.sim_references["` + iccid(1) + `"]`},
		{obj{"sim_references": obj{iccid(1): "1", iccid(1) + " ": "2"}}, `body.sim_references["` + iccid(1) + ` "]`},
	} {
		p := s.post(s.source, "/v1/transfer-requests", worded(c.words, iccid(1))).problem(422, problem.Invalid)
		if len(p.Errors) != 1 || p.Errors[0].Location != c.at {
			t.Errorf("%v: %+v", c.words, p.Errors)
		}
	}
	if n := s.queryInt(`SELECT count(*) FROM requests`); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// Of requests and batches that ask for a unique reference, one is made, also if
// they come at once. The problem of the others names it.
func TestUniqueReferences(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(20, transfer.Ready)
	unique := obj{"reference": "PO-1", "unique_reference": true}
	other := read[Key](s.post(s.admin, "/v1/keys", obj{"role": "account", "account": bystanderID, "name": "other"}).is(201)).Token
	s.post(other, "/v1/transfer-requests", worded(obj{"reference": "PO-1"}, iccid(1))).is(202) // another account's

	const n = 8
	answers := make([]testResponse, n)
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			if i%2 == 0 {
				answers[i] = s.post(s.source, "/v1/transfer-requests", worded(unique, iccid(i+1)))
			} else {
				answers[i] = s.upload(s.source, "?unique_reference=true&reference=PO-1", typeCSV, batchCSV(iccid(i+1)))
			}
		})
	}
	calls.Wait()
	first := read[List[Request]](s.get(s.source, "/v1/transfer-requests?reference=PO-1").is(200)).Items
	if len(first) != 1 {
		t.Fatalf("%d requests were made", len(first))
	}
	refused := 0
	for _, a := range answers {
		if a.status == 202 {
			continue
		}
		refused++
		if p := a.problem(409, problem.ReferenceTaken); !strings.Contains(p.Detail, first[0].ID.String()) {
			t.Errorf("the problem names no request: %s", p.Detail)
		}
	}
	if refused != n-1 {
		t.Errorf("%d of %d calls were refused", refused, n)
	}

	// One that does not ask for it is free to use the reference; then another one
	// that asks is refused, even if the first does not.
	s.post(s.source, "/v1/transfer-requests", worded(obj{"reference": "PO-1"}, iccid(11))).is(202)
	plain := read[Request](s.post(s.source, "/v1/transfer-requests", worded(obj{"reference": "PO-2"}, iccid(12))).is(202))
	p := s.post(s.source, "/v1/transfer-requests", worded(obj{"reference": "PO-2", "unique_reference": true}, iccid(13))).problem(409, problem.ReferenceTaken)
	if !strings.Contains(p.Detail, plain.ID.String()) {
		t.Error(p.Detail)
	}
	// It is free again when its request is over and nothing was transferred; then
	// that cannot be taken back any more if another request has the reference.
	ended := worded(obj{"reference": "PO-4", "unique_reference": true}, iccid(15))
	first4 := s.post(s.source, "/v1/transfer-requests", ended).is(202).header.Get("Location")
	s.work()
	s.post(s.source, first4+"/cancel", nil).is(202)
	s.work()
	second4 := s.post(s.source, "/v1/transfer-requests", worded(obj{"reference": "PO-4", "unique_reference": true}, iccid(16))).is(202).header.Get("Location")
	s.work()
	s.post(s.source, first4+"/take-back", nil).problem(409, problem.ReferenceTaken)
	s.post(s.destination, second4+"/decline", nil).is(202)
	s.work()
	s.post(s.source, first4+"/take-back", nil).is(202)
	s.post(s.destination, second4+"/take-back", nil).problem(409, problem.ReferenceTaken)
	s.post(s.destination, first4+"/accept", nil).is(202)
	s.work()
	s.post(s.source, "/v1/transfer-requests", worded(obj{"reference": "PO-4", "unique_reference": true}, iccid(17))).problem(409, problem.ReferenceTaken)

	// Nor can it be retried. Retries of one request share its reference.
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = ANY (ARRAY[$1, $2])`, iccid(18), iccid(19))
	first5 := s.post(s.source, "/v1/transfer-requests", worded(obj{"reference": "PO-5", "unique_reference": true}, iccid(18), iccid(19), iccid(99))).is(202).header.Get("Location")
	s.work()
	second5 := s.post(s.source, "/v1/transfer-requests", worded(obj{"reference": "PO-5", "unique_reference": true}, iccid(20))).is(202).header.Get("Location")
	s.post(s.source, first5+"/retry", nil).problem(409, problem.ReferenceTaken)
	s.work()
	s.post(s.destination, second5+"/decline", nil).is(202)
	s.exec(`UPDATE sims SET transfer_lock = false`)
	one5 := s.post(s.source, first5+"/retry", obj{"reasons": []string{"sim_locked"}}).is(202).header.Get("Location")
	two5 := s.post(s.source, first5+"/retry", nil).is(202).header.Get("Location")
	s.work()
	s.post(s.source, two5+"/retry", nil).is(202) // while the other retry is open
	s.post(s.source, one5+"/cancel", nil).is(202)
	s.work()
	s.post(s.source, one5+"/take-back", nil).is(202)

	header := map[string]string{"Idempotency-Key": "k"}
	call := apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, header: header, body: worded(obj{"reference": "PO-3", "unique_reference": true}, iccid(14))}
	made := read[Request](s.do(call).is(202))
	if again := read[Request](s.do(call).is(202)); again.ID != made.ID {
		t.Error("a repeated call made another request")
	}

	// Who asked is stored, of a batch with each of its requests, and the check finds
	// nothing wrong with all this.
	s.upload(s.source, "?unique_reference=true&reference=PO-6", typeCSV, batchCSV(iccid(15))).is(202)
	for reference, want := range map[string]int{"PO-2": 0, "PO-3": 1, "PO-4": 2, "PO-6": 1} {
		if n := s.queryInt(`SELECT count(*) FROM requests WHERE unique_reference AND reference = '` + reference + `'`); n != want {
			t.Errorf("%d requests asked for the unique reference %s, not %d", n, reference, want)
		}
	}
	findings, err := s.db.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if strings.Contains(f.Invariant, "reference") && f.Violations > 0 {
			t.Errorf("%s: %v", f.Invariant, f.Examples)
		}
	}
}

// What the source writes is no formula in the spreadsheet of the destination or of
// support.
func TestReferencesAreNoFormulas(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", worded(obj{"reference": "@SUM(1)", "sim_references": obj{iccid(1): `=HYPERLINK("x")`, iccid(2): "PO-1"}}, iccid(1), iccid(2))).is(202).header.Get("Location")
	s.work()
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	for _, c := range []struct{ key, path string }{
		{s.destination, path + "/results"}, {s.support, path + "/results"}, {s.destination, "/v1/exports/transfers"}, {s.support, "/v1/exports/transfers"},
	} {
		got := s.do(apiCall{method: "GET", path: c.path, key: c.key, header: map[string]string{"Accept": "text/csv"}}).is(200)
		rows, err := csv.NewReader(strings.NewReader(got.text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != 3 || !strings.Contains(got.text, "'=HYPERLINK") || !strings.Contains(got.text, ",PO-1,") {
			t.Errorf("%s: %s", c.path, got.text)
		}
		for _, cell := range slices.Concat(rows...) {
			if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "@") {
				t.Errorf("%s: %s", c.path, cell)
			}
		}
	}
}

// All requests of a batch have its reference and message; each SIM has its own.
func TestBatchReferences(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Ready)
	row := func(sim, to, reference string) string {
		return strings.Join([]string{sim, emailOf(to), to, reference}, ",") + "\n"
	}
	csv := "sim,destination_email,destination_operator_id,Reference\n" + row(iccid(1), destinationID, "line 1") + row(iccid(2), bystanderID, "") +
		row(iccid(3), destinationID, "") + row(iccid(4), bystanderID, `"line, 4"`)
	b := read[Batch](s.upload(s.source, "?reference=PO-9&message=hello", typeCSV, csv).is(202))
	if valueOrZero(b.Reference) != "PO-9" || valueOrZero(b.Message) != "hello" || len(b.Items) != 2 {
		t.Errorf("batch: %+v", b)
	}
	s.work()
	for key, want := range map[string][]string{s.destination: {"line 1", ""}, s.bystander: {"", "line, 4"}} {
		r := read[List[Request]](s.get(key, "/v1/transfer-requests?reference=PO-9").is(200)).Items
		if len(r) != 1 || valueOrZero(r[0].Message) != "hello" {
			t.Fatalf("requests: %+v", r)
		}
		var got []string
		for _, v := range read[List[Transfer]](s.get(key, "/v1/transfer-requests/"+r[0].ID.String()+"/transfers").is(200)).Items {
			got = append(got, valueOrZero(v.Reference))
		}
		if !slices.Equal(got, want) {
			t.Errorf("references: %q, not %q", got, want)
		}
	}
	if n := len(read[List[Batch]](s.get(s.source, "/v1/batches?reference=PO-9").is(200)).Items); n != 1 {
		t.Errorf("%d batches", n)
	}
	if n := len(read[List[Batch]](s.get(s.source, "/v1/batches?reference=PO-8").is(200)).Items); n != 0 {
		t.Errorf("%d batches have another reference", n)
	}
	p := s.upload(s.source, "", typeCSV, "sim,destination_email,destination_operator_id,reference\n"+row(iccid(1), destinationID, strings.Repeat("x", 65))).problem(422, problem.InvalidLines)
	if len(p.Errors) != 1 || p.Errors[0].Line != 2 || p.Errors[0].Column != "reference" || !strings.HasPrefix(p.Errors[0].Message, "reference: ") {
		t.Errorf("%+v", p.Errors)
	}
}

// More SIMs than one statement takes keep their references, too.
func TestManyReferences(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	const n = 2100
	sims, references := make([]string, n), obj{}
	for i := range sims {
		sims[i] = iccid(i + 1)
		if i%3 == 0 {
			references[sims[i]] = fmt.Sprint("line ", i+1)
		}
	}
	s.post(s.source, "/v1/transfer-requests", worded(obj{"reference": "PO-1", "unique_reference": true, "sim_references": references}, sims...)).is(202)
	if got := s.queryInt(`SELECT count(*) FROM transfers WHERE reference = 'line ' || line AND n % 3 = 0 OR reference IS NULL AND n % 3 <> 0`); got != n {
		t.Errorf("%d of %d SIMs have the right reference", got, n)
	}
}

// The code and the words of a decision appear on the request, on its SIMs, in
// events for both sides, in exports and in filters.
func TestDecisionWords(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(8, transfer.Ready)
	ask := func(sims ...string) string {
		id := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202)).ID.String()
		return "/v1/transfer-requests/" + id
	}
	codes := func(key, path string) (list []string) {
		for _, v := range read[List[Transfer]](s.get(key, path+"/transfers").is(200)).Items {
			list = append(list, string(v.State)+" "+string(valueOrZero(v.Code)))
		}
		return list
	}
	detail := func(key, path string, kind transfer.EventKind) map[string]any {
		for _, e := range read[List[Event]](s.get(key, path+"/events").is(200)).Items {
			if e.Kind == kind {
				return e.Detail
			}
		}
		return nil
	}

	// Some SIMs with one code, the rest with another.
	path := ask(iccid(1), iccid(2), iccid(3))
	s.post(s.source, path+"/cancel", obj{"sims": []string{iccid(3)}, "code": "no_longer_needed"}).is(202) // during validation
	s.work()
	s.post(s.destination, path+"/decline", obj{"sims": []string{iccid(1)}, "code": "wrong_sims"}).is(202)
	if r := read[Request](s.get(s.source, path).is(200)); r.Decision != nil {
		t.Errorf("a request that is open has the decision %+v", r.Decision)
	}
	s.post(s.destination, path+"/decline", obj{"code": "other", "reason": "The lorry is full."}).is(202)
	s.work()
	for _, key := range []string{s.source, s.destination} {
		if d := read[Request](s.get(key, path).is(200)).Decision; d == nil || *d.Code != "other" || *d.Reason != "The lorry is full." {
			t.Errorf("decision: %+v", d)
		}
	}
	equal(t, codes(s.source, path), []string{"declined wrong_sims", "declined other", "canceled no_longer_needed"})
	equal(t, codes(s.destination, path), []string{"declined wrong_sims", "declined other"})
	for code, want := range map[string][2]int{"other": {1, 1}, "wrong_sims": {1, 1}, "no_longer_needed": {1, 0}, "price": {0, 0}, "price,other": {1, 1}} {
		for i, key := range []string{s.source, s.destination} {
			if n := len(read[List[Request]](s.get(key, "/v1/transfer-requests?code="+code).is(200)).Items); n != want[i] {
				t.Errorf("party %d finds %d requests with the code %s, not %d", i, n, code, want[i])
			}
		}
	}
	if n := len(read[List[Transfer]](s.get(s.source, path+"/transfers?code=wrong_sims").is(200)).Items); n != 1 {
		t.Errorf("%d SIMs have the code", n)
	}
	if csv := s.do(apiCall{method: "GET", path: path + "/results?code=other,price", key: s.source, header: map[string]string{"Accept": typeCSV}}).text; strings.Count(csv, "\n") != 2 || !strings.HasSuffix(csv, ",,other,\n") {
		t.Errorf("results:\n%s", csv)
	}
	if csv := s.export(s.source, "transfers?code=other", typeCSV).text; strings.Count(csv, "\n") != 2 || !strings.HasSuffix(csv, ",other\n") {
		t.Errorf("export:\n%s", csv)
	}

	// A cancel is shown to the destination, if it could decide already.
	path = ask(iccid(4))
	s.work()
	s.post(s.source, path+"/cancel", obj{"code": "duplicate", "reason": "PO-1 was sent twice"}).is(202)
	s.work()
	equal(t, detail(s.destination, path, transfer.EventCancel), map[string]any{"code": "duplicate", "reason": "PO-1 was sent twice"})
	equal(t, codes(s.destination, path), []string{"canceled duplicate"})

	// During validation.
	path = ask(iccid(5))
	s.post(s.source, path+"/cancel", obj{"code": "wrong_account"}).is(202)
	s.work()
	equal(t, codes(s.source, path), []string{"canceled wrong_account"})

	// All SIMs by name is the whole request.
	path = ask(iccid(6))
	s.work()
	s.post(s.destination, path+"/decline", obj{"sims": []string{iccid(6)}, "code": "price"}).is(202)
	if d := read[Request](s.get(s.source, path).is(200)).Decision; d == nil || *d.Code != "price" || d.Reason != nil {
		t.Errorf("decision: %+v", d)
	}

	b := read[Batch](s.upload(s.source, "", typeCSV, batchCSV(iccid(7))).is(202))
	s.post(s.source, "/v1/batches/"+b.ID.String()+"/cancel", obj{"code": "duplicate"}).is(202)
	s.work()
	equal(t, codes(s.source, "/v1/transfer-requests/"+b.Items[0].ID.String()), []string{"canceled duplicate"})

	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(8))
	path = ask(iccid(8))
	s.work()
	s.post(s.support, path+"/deny", obj{"code": "not_permitted", "reason": "contract"}).is(202)
	s.work()
	equal(t, codes(s.source, path), []string{"denied not_permitted"})

	path = ask(iccid(7))
	s.work()
	for _, route := range []string{"/decline", "/cancel"} {
		key := map[string]string{"/decline": s.destination, "/cancel": s.source}[route]
		if p := s.post(key, path+route, obj{"code": "other"}).problem(422, problem.Invalid); p.Errors[0].Location != "body.reason" {
			t.Errorf("%+v", p.Errors)
		}
		s.post(key, path+route, obj{"code": "nonsense"}).problem(422, problem.Invalid)
	}
	s.check()
}

// Each party sees the comments that are for it, in lists, events and feeds.
func TestComments(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Active)
	path := "/v1/transfer-requests/" + read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)).ID.String()
	s.work()
	s.post(s.destination, path+"/comments", obj{"text": "x"}).problem(404, problem.NotFound)
	write := func(key, text string, readers ...string) Comment {
		t.Helper()
		body := obj{"text": text}
		if len(readers) > 0 {
			body["visible_to"] = readers
		}
		return read[Comment](s.post(key, path+"/comments", body).is(201))
	}
	write(s.source, "before the offer")
	s.post(s.support, path+"/approve", obj{"ticket": "T-1"}).is(202)
	c := write(s.source, "source to support", "support")
	if c.Party != transfer.PartySource || valueOrZero(c.Key) != "source" || !slices.Equal(c.VisibleTo, []transfer.Party{"source", "support"}) {
		t.Errorf("comment: %+v", c)
	}
	write(s.destination, "destination to support", "support")
	write(s.destination, "destination to all")
	write(s.support, "internal", "support")
	write(s.support, "support to destination", "destination")
	write(s.support, "support to all")
	equal(t, write(s.support, "support to source", "source", "support").VisibleTo, []transfer.Party{"source", "support"})

	list := func(key string) (texts []string) {
		for page := path + "/comments?limit=2"; ; {
			p := read[List[Comment]](s.get(key, page).is(200))
			for _, c := range p.Items {
				texts = append(texts, c.Text)
				if key != s.support && c.Key != nil && *c.Key != "source" && *c.Key != "other" {
					t.Errorf("a key of support is shown: %+v", c)
				}
			}
			if p.NextCursor == "" {
				return texts
			}
			page = path + "/comments?limit=2&cursor=" + p.NextCursor
		}
	}
	events := func(key string) (own, feed []string) {
		for _, e := range read[List[Event]](s.get(key, path+"/events").is(200)).Items {
			if e.Kind == transfer.EventComment {
				own = append(own, fmt.Sprint(e.Detail["text"]))
			}
		}
		for _, e := range read[Feed](s.get(key, "/v1/events?limit=200").is(200)).Items {
			if e.Kind == transfer.EventComment {
				feed = append(feed, fmt.Sprint(e.Detail["text"]))
			}
		}
		return own, feed
	}
	source := []string{"before the offer", "source to support", "destination to all", "support to all", "support to source"}
	destination := []string{"before the offer", "destination to support", "destination to all", "support to destination", "support to all"}
	support := []string{
		"before the offer", "source to support", "destination to support", "destination to all", "internal", "support to destination", "support to all", "support to source",
	}
	s.awaitEvents()
	for key, want := range map[string][]string{s.source: source, s.destination: destination, s.support: support} {
		equal(t, list(key), want)
		if key == s.destination { // what was before the offer is no event for it
			want = want[1:]
		}
		own, feed := events(key)
		equal(t, own, want)
		equal(t, feed, want)
	}
	s.get(s.bystander, path+"/comments").problem(404, problem.NotFound)
	s.post(s.bystander, path+"/comments", obj{"text": "x"}).problem(404, problem.NotFound)
	for _, bad := range []obj{{"text": ""}, {"text": " \u200b"}, {"text": strings.Repeat("x", transfer.MaxComment+1)}, {"text": "x", "visible_to": []string{"system"}}, {"text": "x", "visible_to": []string{}}} {
		s.post(s.source, path+"/comments", bad).problem(422, problem.Invalid)
	}
	viewer := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: storage.PermissionViewer, Name: "viewer"})
	s.post(viewer, path+"/comments", obj{"text": "x"}).problem(403, problem.Forbidden)

	s.post(s.destination, path+"/decline", nil).is(202)
	s.work()
	write(s.source, "after the end")
	s.exec(`INSERT INTO events (request, source, destination, seq, kind, party, detail)
		SELECT id, source, NULL, last_event + n, 'comment', 'source', '{"text": "x", "visible_to": ["source", "support"]}'
		FROM requests, generate_series(1, $1) AS n`, transfer.MaxComments-3)
	s.exec(`UPDATE requests SET last_event = last_event + $1`, transfer.MaxComments-3)
	s.post(s.source, path+"/comments", obj{"text": "too many"}).problem(409, problem.CommentLimit)
	write(s.destination, "has its own limit")
	s.check()
}
