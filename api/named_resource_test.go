package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// A problem of a resource names it as the caller has written it. See also
// namesItsResource, which looks at every route.
func TestProblemsNameTheResource(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	none := uuid.NewString()
	request := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)).ID.String()
	at := "/v1/transfer-requests/" + request
	s.post(s.source, at+"/cancel", nil).is(202)
	code := read[TransferCode](s.post(s.source, "/v1/transfer-codes", map[string]any{"sims": []string{iccid(2)}}).is(201))
	year := time.Now().UTC().AddDate(1, 0, 0).Format("2006-01-02T15:04:05Z")
	for _, c := range []struct {
		method, path, key string
		status            int
		want              string
	}{
		{"GET", "/v1/transfer-requests/" + none, s.source, 404, `no transfer request that you can see has the id "` + none + `"`},
		{"GET", "/v1/transfer-requests/" + none + "/results", s.source, 404, none},
		{"GET", at, s.bystander, 404, request},
		{"POST", at + "/cancel", s.source, 409, "transfer request " + request + ": the request is "},
		{"GET", "/v1/batches/" + none, s.admin, 404, `batch that you can see has the id "` + none + `"`},
		{"GET", "/v1/keys/99999", s.admin, 404, `no API key that you can see has the id "99999"`},
		{"GET", "/v1/plans/gold-1", s.admin, 404, `no plan that you can see has the name "gold-1"`},
		{"GET", "/v1/gateways/192.0.2.77", s.admin, 404, `"192.0.2.77"`},
		{"GET", "/v1/transfer-codes/" + none, s.source, 404, `no transfer code that you can see has the id "` + none + `"`},
		{"DELETE", "/v1/transfer-codes/" + code.ID.String(), s.bystander, 404, code.ID.String()},
		{"GET", "/v1/pull-requests/" + none, s.source, 404, `no pull request that you can see has the id "` + none + `"`},
		{"GET", "/v1/sims/12025550199", s.source, 404, `no SIM that you can see has the identifier "12025550199"`},
		{"GET", "/v1/support/sims/12025550199", s.support, 404, `no SIM that you can see has the identifier "12025550199"`},
		{"DELETE", "/v1/sims/" + iccid(1) + "/identifiers/12025550199", s.support, 404, `number or IMSI "12025550199"`},
		{"DELETE", "/v1/accounts/" + sourceID + "/plan-mappings?source=" + destinationID, s.admin, 404, "account " + sourceID + " has no plan mapping for SIMs from " + destinationID},
		{"DELETE", "/v1/fees/support_assisted/EUR/" + year, s.admin, 404, year[:4]},
		{"GET", "/problems/nonsense", "", 404, `has the code "nonsense"`},
	} {
		var body any
		if c.method == "POST" {
			body = map[string]any{}
		}
		p := read[problem.Problem](s.do(apiCall{method: c.method, path: c.path, key: c.key, body: body}).is(c.status))
		if !strings.Contains(p.Detail, c.want) {
			t.Errorf("%s %s: %q does not have %q", c.method, c.path, p.Detail, c.want)
		}
	}
}
