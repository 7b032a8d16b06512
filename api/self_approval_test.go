package api

import (
	"fmt"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// TestOwnRequestsAreApprovedBySomeoneElse lets the key that made a request on
// behalf of the source approve it, in every way in which it can be the author.
func TestOwnRequestsAreApprovedBySomeoneElse(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	approval := m{"ticket": "T-1"}
	for _, allowed := range []bool{false, true} {
		s := newTestService(t, func(c *Config) { c.AllowSelfApproval = allowed })
		s.sims(3, transfer.Active)
		create := func(key, sim string) string {
			t.Helper()
			body := requestBody(sim)
			body["on_behalf_of"] = sourceID
			path := s.post(key, "/v1/transfer-requests", body).is(202).header.Get("Location")
			s.work()
			return path
		}
		approve := func(key, path string, body m) {
			t.Helper()
			listed := read[List[Request]](s.get(key, "/v1/transfer-requests?state=in_review&limit=1").is(200)).Items[0]
			if r := read[Request](s.get(key, path).is(200)); *r.CanApprove != allowed || *listed.CanApprove != allowed || !*r.CanDeny || (r.WhyNot["approve"] == "") != allowed {
				t.Errorf("allowed %v, but it can approve: %v, in the list: %v, %v", allowed, *r.CanApprove, *listed.CanApprove, r.WhyNot)
			}
			if allowed {
				s.post(key, path+"/approve", body).is(202)
			} else {
				s.post(key, path+"/approve", body).problem(403, problem.SelfApproval)
			}
		}
		approve(s.support, create(s.support, iccid(1)), approval)
		path := create(s.admin, iccid(2))
		if !allowed {
			approve(s.admin, path, m{"ticket": "T-1", "fee": m{"minor": 0}, "fee_reason": "waived"})
			// nor by a key that it has made since
			made := read[Key](s.post(s.admin, "/v1/keys", m{"role": "support", "name": "accomplice"}).is(201))
			approve(made.Token, path, approval)
			s.post(s.support, path+"/deny", m{"reason": "no"}).is(202)
			s.work()
			// a retry is made by the key that retries it
			s.exec(`UPDATE transfers SET method = 'self_service' WHERE identifier = $1`, iccid(2))
			again := s.post(s.support, path+"/retry", nil).is(202).header.Get("Location")
			s.work()
			approve(s.support, again, approval)
			s.post(s.admin, again+"/approve", approval).is(202)
		} else {
			approve(s.admin, path, approval)
		}
		// a request of the source itself can be approved by any key of support
		own := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(3))).is(202).header.Get("Location")
		s.work()
		s.post(s.support, own+"/approve", approval).is(202)
	}
}

// An administrator who makes or rotates the key of an account knows it, and so
// does not approve what was requested with it, directly or through a further key.
func TestMakersOfAKeyDoNotApproveItsRequests(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, allowed := range []bool{false, true} {
		s := newTestService(t, func(c *Config) { c.AllowSelfApproval = allowed })
		s.sims(5, transfer.Active)
		second := read[Key](s.post(s.admin, "/v1/keys", m{"role": "admin", "name": "second admin"}).is(201))
		third := s.key(storage.NewKey{Role: storage.RoleAdmin, Name: "third admin"})
		create := func(key, sim string) string {
			t.Helper()
			path := s.post(key, "/v1/transfer-requests", requestBody(sim)).is(202).header.Get("Location")
			s.work()
			return path
		}
		approve := func(key, path string) {
			t.Helper()
			call := s.post(key, path+"/approve", m{"ticket": "T-1"})
			if allowed {
				call.is(202)
			} else {
				call.problem(403, problem.SelfApproval)
			}
		}
		made := read[Key](s.post(second.Token, "/v1/keys", m{"role": "account", "account": sourceID, "permission": "owner", "name": "made"}).is(201))
		approve(second.Token, create(made.Token, iccid(1)))
		path := create(made.Token, iccid(2))
		approve(s.admin, path) // has made the key that made the key
		if !allowed {
			s.post(s.support, path+"/approve", m{"ticket": "T-1"}).is(202)
		}
		// the key that makes a transfer code makes the request of those who redeem it
		code := read[TransferCode](s.post(made.Token, "/v1/transfer-codes", m{"sims": []string{iccid(5)}}).is(201)).Code
		path = "/v1/transfer-requests/" + read[Redemption](s.post(s.destination, "/v1/transfer-codes/redeem", m{"code": code}).is(202)).Request.String()
		s.work()
		approve(second.Token, path)
		if !allowed {
			s.post(s.support, path+"/approve", m{"ticket": "T-1"}).is(202)
		}
		own := read[Key](s.post(made.Token, "/v1/keys", m{"role": "account", "account": sourceID, "permission": "operator", "name": "own"}).is(201))
		approve(s.admin, create(own.Token, iccid(3)))
		rotated := read[Key](s.post(third, fmt.Sprintf("/v1/keys/%d/rotate", own.ID), m{}).is(200))
		path = create(rotated.Token, iccid(4))
		approve(third, path)
		if !allowed {
			s.post(s.support, path+"/approve", m{"ticket": "T-1"}).is(202)
		}
	}
}
