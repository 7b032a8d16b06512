package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// eid is the EID of the SIMs 2 to 4 of newFilledTestService.
const eid = "89049032000000000000000000000011"

// checked returns the ICCID of a SIM with a check digit.
func checked(n int) string {
	for digit := '0'; digit <= '9'; digit++ {
		whole := iccid(n) + string(digit)
		if transfer.LuhnHint(whole) == "" {
			return whole
		}
	}
	panic("no check digit")
}

// newFilledTestService returns a service with SIMs of every kind, a batch that is finished and
// one that is not.
func newFilledTestService(t *testing.T) *testService {
	t.Helper()
	s := newTestService(t)
	s.sims(6, transfer.Ready)
	s.exec(`UPDATE sims SET sim_group = 'field' WHERE iccid IN ($1, $2)`, iccid(1), iccid(2))
	s.exec(`UPDATE sims SET tags = '{"site": "south", "empty": ""}' WHERE iccid = $1`, iccid(2))
	s.exec(`UPDATE sims SET status = 'active', plan = 'local-01' WHERE iccid = $1`, iccid(3))
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, iccid(4))
	s.exec(`INSERT INTO sim_details (sim, lot, eid, external_id)
		SELECT id, CASE WHEN iccid < $1 THEN 'box-7' ELSE 'box-8' END, $2, 'meter-' || right(iccid, 1) FROM sims WHERE iccid IN ($3, $1, $4)`, iccid(3), eid, iccid(2), iccid(4))
	done := read[Batch](s.upload(s.source, "?self_service_only=true", typeCSV, batchCSV(iccid(1), iccid(3), iccid(4), iccid(99))).is(202))
	s.work()
	s.post(s.destination, requestPath(done.Items[0].ID)+"/accept", nil).is(202)
	s.work()
	s.upload(s.source, "", typeCSV, batchCSV(iccid(5))).is(202)
	return s
}

func TestFiltersOfLists(t *testing.T) {
	t.Parallel()
	s := newFilledTestService(t)
	batches := read[List[Batch]](s.get(s.source, "/v1/batches").is(200)).Items
	between := url.QueryEscape(batches[0].CreatedAt.Format(time.RFC3339Nano))
	results := "/v1/batches/" + batches[1].ID.String() + "/results"
	one := requestPath(read[Batch](s.get(s.source, strings.TrimSuffix(results, "/results")).is(200)).Items[0].ID)
	for path, want := range map[string]int{
		"/v1/sims":                                                  5,
		"/v1/sims?status=ready":                                     4,
		"/v1/sims?status=ready&status=active":                       5,
		"/v1/sims?status=ready,active":                              5,
		"/v1/sims?status=active":                                    1,
		"/v1/sims?status=ready,nonsense":                            -1,
		"/v1/sims?status=ready&status=":                             -1,
		"/v1/sims?plan=local-01":                                    1,
		"/v1/sims?tag=site&tag=empty":                               1,
		"/v1/sims?tag=site=south&tag=empty":                         1,
		"/v1/sims?tag=site=north&tag=empty":                         0,
		"/v1/sims?tag=site=north,empty":                             0, // a value with a comma
		"/v1/sims?tag=site=north&tag=site=south":                    5, // one of the two
		"/v1/sims?tag=site=north&tag=site=south&tag=empty":          1,
		"/v1/sims?tag=site=north&tag=site":                          5,
		"/v1/sims?tag=site=west&tag=site=east":                      0,
		"/v1/sims?tag=empty=&tag=empty=x":                           1,
		"/v1/sims?plan=nothing":                                     0,
		"/v1/sims?plan=nothing,local-01":                            1,
		"/v1/sims?plan=nothing&plan=local-01&plan=global-01":        5,
		"/v1/sims?plan=":                                            5,
		"/v1/sims?group=field&group=office":                         1,
		"/v1/sims?group=field,office":                               0, // a name with a comma
		"/v1/sims?lot=box-7":                                        1,
		"/v1/sims?lot=box-7&lot=box-8":                              3,
		"/v1/sims?lot=box-7&lot=box-8&status=active":                1,
		"/v1/sims?eid=" + eid + "," + strings.Repeat("1", 32):       3,
		"/v1/sims?eid=1":                                            -1,
		"/v1/sims?iccid_range=" + iccid(2) + "-" + iccid(4):         3,
		"/v1/sims?iccid_range=" + iccid(1) + "%E2%80%93" + iccid(2): 1,
		"/v1/sims?iccid_range=" + iccid(2) + "-" + iccid(2) + "," + iccid(5) + "-" + iccid(6): 3,
		"/v1/sims?iccid_range=" + checked(2) + "-" + checked(4):                               3, // with check digits
		"/v1/sims?iccid_range=" + checked(2) + "-" + iccid(4):                                 -2,
		"/v1/sims?iccid_range=" + iccid(2) + "-" + iccid(4) + "&status=active":                1,
		"/v1/sims?iccid_range=" + iccid(2) + "-" + iccid(4) + "&identifier_prefix=" + imsi(3): 1,
		"/v1/sims?iccid_range=" + iccid(4) + "-" + iccid(2):                                   -2,
		"/v1/sims?iccid_range=" + iccid(2) + "-" + iccid(4) + "0":                             -2,
		"/v1/sims?iccid_range=" + iccid(2):                                                    -2,
		"/v1/sims?identifier_prefix=" + iccid(2) + "," + imsi(3):                              2,
		"/v1/sims?group=field":                                                 1, // the other one has gone
		"/v1/sims?tag=site":                                                    5,
		"/v1/sims?tag=site=north":                                              4,
		"/v1/sims?tag=site%3Dsouth&group=field":                                1,
		"/v1/sims?tag=empty=":                                                  1,
		"/v1/sims?tag=site=":                                                   0,
		"/v1/sims?tag=north":                                                   0,
		"/v1/sims?identifier_prefix=8988211":                                   5,
		"/v1/sims?identifier_prefix=" + iccid(2):                               1,
		"/v1/sims?identifier_prefix=" + imsi(2):                                1,
		"/v1/sims?identifier_prefix=00101000":                                  5,
		"/v1/sims?identifier_prefix=" + iccid(1):                               0, // another account's now
		"/v1/sims?identifier_prefix=999999":                                    0,
		"/v1/sims?identifier_suffix=" + iccid(2)[13:]:                          1,
		"/v1/sims?identifier_suffix=" + iccid(2)[13:] + "," + imsi(3)[5:]:      2,
		"/v1/sims?identifier_suffix=" + iccid(2):                               1,
		"/v1/sims?identifier_suffix=" + checked(2)[12:]:                        1, // with the check digit
		"/v1/sims?identifier_suffix=" + imsi(2)[7:] + "&status=active":         0,
		"/v1/sims?identifier_suffix=" + iccid(1)[13:]:                          0, // another account's now
		"/v1/sims?identifier_suffix=9" + iccid(2)[13:]:                         0,
		"/v1/sims?identifier_suffix=12345":                                     -1,
		"/v1/batches?finished=true":                                            1,
		"/v1/batches?finished=false":                                           1,
		"/v1/batches?created_after=" + between:                                 1,
		"/v1/batches?created_before=" + between:                                1,
		results + "?state=completed":                                           1,
		results + "?state=ineligible":                                          3,
		results + "?reason=sim_locked":                                         1,
		results + "?reason=needs_support":                                      1,
		results + "?method=self_service":                                       1,
		results + "?state=completed&state=ineligible":                          4,
		results + "?state=completed,ineligible":                                4,
		results + "?reason=sim_locked&reason=needs_support,sim_not_found":      3,
		one + "/transfers?reason=sim_not_found,sim_locked":                     2,
		one + "/transfers?state=completed&state=ineligible&state=failed":       4,
		"/v1/transfer-requests?reason=sim_locked,sim_not_found":                1,
		"/v1/transfer-requests?state=validating&state=completed":               2,
		"/v1/transfer-requests?state=validating,completed&method=self_service": 1,
		results + "?method=self_service&state=x":                               -1,
		one + "/results?reason=sim_locked":                                     1,
		one + "/results?state=expired":                                         0,
		one + "/transfers?reason=sim_not_found":                                1,
		one + "/transfers?method=self_service":                                 1,
		"/v1/transfer-requests?reason=sim_locked":                              1,
		"/v1/transfer-requests?sim=" + iccid(5):                                1,
		"/v1/transfer-requests?sim=" + eid:                                     1,
		"/v1/transfer-requests?sim=" + iccid(1) + "-" + iccid(5):               -1,
		"/v1/transfer-requests?created_after=" + between + "&state=validating": 1,
		"/v1/sims?identifier_prefix=12345":                                     -1,
		"/v1/sims?identifier_prefix=12345x":                                    -1,
		"/v1/sims?tag=%3Dnorth":                                                -1,
		"/v1/batches?finished=maybe":                                           -1,
		"/v1/batches?created_after=yesterday":                                  -1,
	} {
		a := s.get(s.source, path)
		if want < 0 {
			a.problem(422, map[int]problem.Code{-1: problem.Invalid, -2: problem.InvalidRange}[want])
			continue
		}
		if got := read[List[any]](a.is(200)); len(got.Items) != want {
			t.Errorf("%s: %d items, not %d", path, len(got.Items), want)
		}
	}
	for path, want := range map[string]int{
		"/v1/accounts?email=" + strings.ToUpper(emailOf(destinationID)):     1,
		"/v1/accounts?standing=closed":                                      1,
		"/v1/accounts?search=Op000000000":                                   4,
		"/v1/accounts?search=2@EXAMPLE":                                     1,
		"/v1/accounts?search=%25":                                           0,
		"/v1/sims?external_id=meter-2&external_id=meter-9":                  1,
		"/v1/accounts?email=" + emailOf(destinationID) + "&standing=closed": 0,
		"/v1/sims?account=" + destinationID + "&group=field":                0,
		"/v1/sims?account=" + sourceID + "&tag=site":                        5,
	} {
		if got := read[List[any]](s.get(s.support, path).is(200)); len(got.Items) != want {
			t.Errorf("%s: %d items, not %d", path, len(got.Items), want)
		}
	}
	for _, path := range []string{"/v1/sims?group=field", "/v1/sims?tag=site"} {
		if p := s.get(s.support, path).problem(422, problem.Invalid); p.Errors[0].Location != "query.account" {
			t.Errorf("%+v", p)
		}
	}
}

// A value that a filter does not know is refused with those that it does.
func TestFiltersNameTheirValues(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for path, known := range map[string]string{
		"/v1/transfer-requests?state=nonsense":     "awaiting_acceptance",
		"/v1/transfer-requests?direction=nonsense": "incoming",
		"/v1/transfer-requests?reason=nonsense":    "sim_locked",
		"/v1/transfer-requests?method=nonsense":    "support_assisted",
		"/v1/sims?status=nonsense":                 "suspended",
		"/v1/batches?finished=nonsense":            "true",
	} {
		p := s.get(s.source, path).problem(422, problem.Invalid)
		if f := p.Errors[0]; !strings.HasPrefix(f.Location, "query.") || !strings.Contains(f.Message, known) || f.Value != "nonsense" {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

// A parameter that takes one value is refused if it is given twice, and so is one
// that does not exist, on every route.
func TestParametersThatCannotCountAreRefused(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	document := newServer(Config{}).register(http.NewServeMux())
	path := strings.NewReplacer("{id}", uuid.NewString(), "{operator_id}", sourceID, "{sim}", iccid(1), "{identifier}", iccid(1), "{name}", "global-01", "{code}", "invalid")
	for _, r := range Routes() {
		o := operationOf(document.Paths[r.Path], r.Method)
		parameters := queryParametersOf(o)
		try := func(query, location string) {
			p := s.do(apiCall{method: r.Method, path: path.Replace(r.Path) + "?" + query, key: s.admin}).problem(422, problem.Invalid)
			if len(p.Errors) != 1 || p.Errors[0].Location != location {
				t.Errorf("%s?%s: %+v", r.OperationID, query, p.Errors)
			}
		}
		for _, p := range o.Parameters {
			if p.In == "query" && !parameters[p.Name].list {
				try(p.Name+"=1&"+p.Name+"=1", "query."+p.Name)
			}
		}
		if r.bounds.upload == nil && r.Method == "GET" {
			try("no_such_parameter=1", "query.no_such_parameter")
		}
	}
	s.get(s.source, "/v1/sims?status=%zz").problem(422, problem.Invalid)
}

// What changes between two pages of a filtered list is neither skipped nor
// shown twice, and a page is full as long as there is more.
func TestFilteredPagesWhileRowsChange(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(7, transfer.Ready)
	s.exec(`UPDATE sims SET tags = '{}' WHERE iccid IN ($1, $2)`, iccid(2), iccid(3))
	first := read[List[SIM]](s.get(s.source, "/v1/sims?tag=site&limit=2").is(200))
	s.exec(`UPDATE sims SET tags = '{}' WHERE iccid = $1`, iccid(1))            // it was shown
	s.exec(`UPDATE sims SET tags = '{"site": "x"}' WHERE iccid = $1`, iccid(2)) // it was passed
	s.exec(`UPDATE sims SET tags = '{}' WHERE iccid = $1`, iccid(5))
	rest := read[List[SIM]](s.get(s.source, "/v1/sims?tag=site&limit=2&cursor="+first.NextCursor).is(200))
	var seen []string
	for _, sim := range append(first.Items, rest.Items...) {
		seen = append(seen, sim.ICCID)
	}
	equal(t, seen, []string{iccid(1), iccid(4), iccid(6), iccid(7)})
	equal(t, rest.NextCursor, "")
}

// Requests are found by who acted on them: by the id or the name of a key, and by the
// name or the email of a person. An account finds what its own keys did.
func TestRequestsByWhoActed(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	desk := read[Key](s.post(s.admin, "/v1/keys", map[string]any{"role": "account", "account": sourceID, "permission": "operator", "name": "night desk"}).is(201))
	mine := s.post(desk.Token, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(2))).is(202)
	s.work()
	s.post(s.destination, mine+"/accept", nil).is(202)
	s.exec(`INSERT INTO people (email, name) VALUES ('ada@example.com', 'Ada Lovelace')`)
	s.exec(`UPDATE api_keys SET person = (SELECT id FROM people) WHERE id = $1`, desk.ID)
	for _, c := range []struct {
		key, by string
		want    int // -1: there is no such key
	}{
		{s.source, "night desk", 1},
		{s.source, strconv.FormatInt(desk.ID, 10), 1},
		{s.source, "Ada Lovelace", 1},
		{s.support, "ADA@example.com", 1},
		{s.support, "other", 1},
		{s.source, "other", -1},
		{s.destination, "night desk", -1},
		{s.destination, "other", 1},
		{s.bystander, "ada@example.com", -1},
		{s.support, "no one at all", -1},
	} {
		a := s.get(c.key, "/v1/transfer-requests?by="+url.QueryEscape(c.by))
		if c.want < 0 {
			a.problem(422, problem.Invalid)
			continue
		}
		if list := read[List[Request]](a.is(200)).Items; len(list) != c.want || "/v1/transfer-requests/"+list[0].ID.String() != mine {
			t.Errorf("by %q: %s", c.by, a.text)
		}
	}
}

// Numbers are not written with exponents, and ids and whole numbers are asked for in
// plain words.
func TestMessagesOfLimits(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for query, want := range map[string]string{
		"limit=x":    "must be a whole number in digits, such as 50, and not too large",
		"limit=1e9":  "must be a whole number in digits, such as 50, and not too large",
		"limit=5000": "expected number <= 200",
		"batch=7":    "not an id: it looks like 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21",
	} {
		if p := s.get(s.source, "/v1/transfer-requests?"+query).problem(422, problem.Invalid); p.Errors[0].Message != want {
			t.Errorf("%s: %+v", query, p.Errors)
		}
	}
	if p := s.get(s.source, "/v1/transfer-requests/7").problem(422, problem.Invalid); !strings.HasPrefix(p.Errors[0].Message, "not an id") {
		t.Errorf("%+v", p.Errors)
	}
	body := requestBody(iccid(1))
	body["acceptance_seconds"] = 99999999999
	if f := s.post(s.source, "/v1/transfer-requests", body).problem(422, problem.Invalid).Errors[0]; f.Message != "expected number <= 2592000" || f.Value != "99999999999" {
		t.Errorf("%+v", f)
	}
}

// The values of every enumeration can be in any case, in queries and in bodies.
func TestEnumerationsInAnyCase(t *testing.T) {
	t.Parallel()
	s := newServer(Config{})
	document := s.register(http.NewServeMux())
	tried := 0
	for _, r := range Routes() {
		parameters := queryParametersOf(operationOf(document.Paths[r.Path], r.Method))
		for name, parameter := range parameters {
			for _, v := range parameter.values {
				value, _ := v.(string)
				request := httptest.NewRequestWithContext(t.Context(), r.Method, "/?"+name+"=+"+strings.ToUpper(value)+"+", http.NoBody)
				if err := checkParameters(request, parameters); err != nil || request.URL.Query().Get(name) != value {
					t.Errorf("%s: %s becomes %s: %v", r.OperationID, value, request.URL.RawQuery, err)
				}
				tried++
			}
		}
	}
	for name, schema := range document.Components.Schemas.Map() {
		for field, of := range schema.Properties {
			if of.Items != nil {
				of = of.Items
			}
			for _, v := range of.Enum {
				value, ok := v.(string)
				if !ok || strings.ToUpper(value) == value {
					continue
				}
				text, err := checkJSON([]byte(`"`+strings.ToUpper(value)+`"`), of, document.Components.Schemas)
				if err != nil || string(text) != `"`+value+`"` {
					t.Errorf("%s.%s: %s becomes %s: %v", name, field, value, text, err)
				}
				tried++
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d values were tried", tried)
	}
}
