package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// secrets are what a party knows about itself, and no other account may read.
func secrets() map[string][]string {
	return map[string][]string{
		"source":      {"source-group", "source-tag", "TICKET-1", "agreed-with-source", "\"4711", ":4711", "47.11", "source key", "source-to-support", "CODE-OF-SOURCE", "sally"},
		"destination": {"landing-group", "landing-tag", "destination key", "destination-to-support", "Recipient Ltd", "dora"},
		"support":     {"internal-comment"},
	}
}

// TestWhatEachPartyReads calls every GET route as every party, in every format,
// and compares the fields that each reads and the number of rows of lists with
// testdata/parties.json, which UPDATE_PARTIES=1 writes. Without that file it
// checks that no account reads what another one knows about itself.
func TestWhatEachPartyReads(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	close(stopping) // streams end with what is there
	s := newTestService(t)
	streams := startTestService(t, s.dsn, func(c *Config) { c.Stopping = stopping })
	type m = map[string]any
	key := func(k storage.NewKey) string { return s.key(k) }
	parties := map[string]string{"no key": "", "support": s.support, "admin": s.admin, "finance": key(storage.NewKey{Role: storage.RoleFinance, Name: "billing"})}
	for name, id := range map[string]transfer.OperatorID{"source": sourceID, "destination": destinationID, "uninvolved": bystanderID} {
		for _, p := range storage.Permissions() {
			parties[name+" "+string(p)] = key(storage.NewKey{Role: storage.RoleAccount, OperatorID: id, Permission: p, Name: name + " key " + string(p)})
		}
	}
	s.exec(`INSERT INTO radius.nas (nasname, server, secret, description) VALUES ('10.0.0.1', '10.0.0.2:3799', 'gateway-secret', 'PGW')`)
	source, destination := parties["source owner"], parties["destination owner"]
	s.exec(`UPDATE accounts SET name = CASE operator_id WHEN $1 THEN 'Sender Ltd' ELSE 'Recipient Ltd' END WHERE operator_id IN ($1, $2)`, sourceID, destinationID)
	s.sims(4, transfer.Active)
	for i := 2; i <= 4; i++ { // a support-assisted transfer keeps the tags of the first one
		s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(i), key: source, body: m{"group": "source-group", "tags": m{"source-tag": "x"}}}).is(200)
	}
	s.fillOutbox()
	endpoint := read[WebhookEndpoint](s.post(destination, "/v1/webhook-endpoints", m{"url": "https://recipient.example/"}).is(201)).ID.String()
	words := m{"reference": "PO-1", "message": "as agreed", "sim_references": m{iccid(1): "PO-1/1"}}
	request := read[Request](s.post(source, "/v1/transfer-requests", worded(words, iccid(1), iccid(2))).is(202)).ID.String()
	batch := read[Batch](s.do(apiCall{method: "POST", path: "/v1/batches", key: source, body: batchCSV(iccid(3)), header: csvHeader()}).is(202))
	s.work()
	s.post(s.support, "/v1/transfer-requests/"+request+"/approve", m{"ticket": "TICKET-1", "fee": m{"minor": 4711}, "fee_reason": "agreed-with-source"}).is(202)
	s.post(destination, "/v1/transfer-requests/"+request+"/accept", m{"sims": []string{iccid(1)}, "landing": m{"group": "landing-group", "tags": m{"landing-tag": "x"}}}).is(202)
	s.work()
	pulled := read[PullRequest](s.post(parties["uninvolved owner"], "/v1/pull-requests", m{"iccids": []string{iccid(4), "99999000000000000011"}, "reference": "PO-1", "message": "as agreed"}).is(201)).ID.String()
	s.post(source, "/v1/pull-requests/"+pulled+"/approve", nil).is(202) // support has to review the request
	code := read[TransferCode](s.post(source, "/v1/transfer-codes", m{"sims": []string{iccid(4)}, "reference": "CODE-OF-SOURCE", "message": "as agreed"}).is(201)).ID.String()
	for _, c := range []struct{ key, text, reader string }{
		{source, "source-to-support", "support"},
		{destination, "destination-to-support", "support"},
		{s.support, "internal-comment", "support"},
		{source, "source-to-all", "destination"},
		{s.support, "support-to-destination", "destination"},
	} {
		s.post(c.key, "/v1/transfer-requests/"+request+"/comments", m{"text": c.text, "visible_to": []string{c.reader}}).is(201)
	}

	sally, dora := s.newPerson("sally", sourceID, storage.PermissionOwner), s.newPerson("dora", destinationID, storage.PermissionOwner)
	for _, person := range []string{sally, dora} {
		s.post(person, "/v1/transfer-requests/"+request+"/comments", m{"text": "from a person", "visible_to": []string{"source", "destination"}}).is(201)
	}
	s.awaitEvents()
	s.fillOutbox()
	deliveries := read[List[WebhookDelivery]](s.get(destination, "/v1/webhook-endpoints/"+endpoint+"/deliveries").is(200)).Items

	document := newServer(Config{}).register(http.NewServeMux())
	got := map[string]map[string]string{}
	for _, route := range Routes() {
		if route.Method != "GET" {
			continue
		}
		ids := map[string]string{"{operator_id}": sourceID, "gateways/{name}": "gateways/10.0.0.1", "plans/{name}": "plans/global-01", "{sim}": iccid(4), "{identifier}": iccid(1), "{code}": "not_found"}
		switch {
		case strings.HasPrefix(route.Path, "/v1/people"):
			ids["{id}"] = itoa(s.me(sally).Person.ID)
		case strings.HasPrefix(route.Path, "/v1/invitations"):
			ids["{id}"] = "1" // of the first person
		case strings.HasPrefix(route.Path, "/v1/keys"):
			ids["{id}"] = itoa(s.keyID(source))
		case strings.HasPrefix(route.Path, "/v1/batches"):
			ids["{id}"] = batch.ID.String()
		case strings.HasPrefix(route.Path, "/v1/pull-requests"):
			ids["{id}"] = pulled
		case strings.HasPrefix(route.Path, "/v1/transfer-codes"):
			ids["{id}"] = code
		case strings.HasPrefix(route.Path, "/v1/webhook-endpoints"):
			ids["{id}"], ids["{delivery}"] = endpoint, itoa(deliveries[0].ID)
		default:
			ids["{id}"] = request
		}
		path := route.Path
		for placeholder, value := range ids {
			path = strings.ReplaceAll(path, placeholder, value)
		}
		if route.Path == "/v1/account-names" {
			path += "?operator_id=" + sourceID
		}
		for format := range document.Paths[route.Path].Get.Responses["200"].Content {
			answers := map[string]string{}
			for party, key := range parties {
				service := s
				if format == "text/event-stream" {
					service = streams
				}
				a := service.do(apiCall{method: "GET", path: path, key: key, header: map[string]string{"Accept": format}})
				answers[party] = shapeOf(t, a)
				for other, words := range secrets() {
					mine, _, account := strings.Cut(party, " ") // staff reads everything
					if !account || mine == other {
						continue
					}
					for _, word := range words {
						if strings.Contains(a.text, word) {
							t.Errorf("%s as %s reads %q of the %s as %s: %s", route.OperationID, party, word, other, format, a.text)
						}
					}
				}
			}
			got[route.OperationID+" "+format] = answers
		}
	}
	if len(got) < 30 {
		t.Errorf("only %d answers", len(got))
	}
	file := filepath.Join("testdata", "parties.json")
	if os.Getenv("UPDATE_PARTIES") != "" {
		text, err := json.MarshalIndent(got, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	equal(t, got, want)
}

// shapeOf returns the status of an answer, the number of its rows, and the names
// of all fields in it.
func shapeOf(t *testing.T, a testResponse) string {
	t.Helper()
	fields := map[string]bool{}
	var collect func(prefix string, v any)
	collect = func(prefix string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, value := range v {
				if name == "withheld_by" {
					continue
				}
				if _, err := uuid.Parse(name); err == nil {
					name = "id"
				}
				fields[prefix+name] = true
				collect(prefix+name+".", value)
			}
		case []any:
			for _, item := range v {
				collect(prefix, item)
			}
		}
	}
	rows := -1
	switch contentType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); {
	case contentType == typeCSV:
		records, err := csv.NewReader(strings.NewReader(a.text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		rows = len(records) - 1
		for i, name := range records[0] {
			for _, record := range records[1:] {
				fields[name] = fields[name] || record[i] != ""
			}
		}
		maps.DeleteFunc(fields, func(_ string, filled bool) bool { return !filled })
	case contentType == typeNDJSON || contentType == "text/event-stream":
		rows = 0
		for line := range strings.Lines(a.text) {
			line = strings.TrimPrefix(line, "data: ")
			var v map[string]any
			if json.Unmarshal([]byte(line), &v) == nil {
				rows++
				collect("", v)
			}
		}
	case strings.HasSuffix(contentType, "json"):
		var v map[string]any
		if err := json.Unmarshal([]byte(a.text), &v); err != nil {
			t.Fatal(err)
		}
		if a.status >= 300 {
			return fmt.Sprintf("%d %v", a.status, v["code"])
		}
		if items, ok := v["items"].([]any); ok {
			rows = len(items)
		}
		collect("", v)
	}
	delete(fields, "withheld") // depends on what else runs in the same PostgreSQL
	text := fmt.Sprint(a.status)
	if rows >= 0 {
		text += fmt.Sprintf(" %d rows", rows)
	}
	return text + ": " + strings.Join(slices.Sorted(maps.Keys(fields)), " ")
}
