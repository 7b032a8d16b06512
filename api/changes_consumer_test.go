package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/transfer"
)

// consumer keeps a copy of the inventory that it has from the changes feed only.
// What it has stored survives when it is killed: the copy and the cursor of the
// last entry in it, which it stores together.
type consumer struct {
	stored map[string]string // by ICCID
	cursor string
}

// run reads the feed until its end, or until it is killed after a number of entries.
func (c *consumer) run(s *testService, entries int) error {
	copied, cursor := maps.Clone(c.stored), c.cursor
	for more := true; more; {
		r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, fmt.Sprintf("%s/v1/changes?limit=%d&cursor=%s", s.url, 1+rand.N(30), cursor), nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+s.support)
		r.Header.Set("Accept", typeNDJSON)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("answered %s", answer.Status)
		}
		in := bufio.NewReader(answer.Body)
		for {
			line, err := in.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				break
			}
			var e Change
			if err := errors.Join(err, json.Unmarshal(line, &e)); err != nil {
				return err
			}
			if entries--; entries < 0 {
				return nil // killed: what was not stored is lost
			}
			if err := apply(copied, e); err != nil {
				return err
			}
			cursor = e.Cursor
			if rand.N(4) == 0 {
				c.stored, c.cursor = maps.Clone(copied), cursor
			}
		}
		cursor, more = answer.Header.Get(nextCursorHeader), answer.Header.Get(moreHeader) == "true"
	}
	c.stored, c.cursor = copied, cursor
	return nil
}

// apply brings a copy from the state before a change to the state after it. An
// entry that is missed, repeated or out of order does not fit the copy.
func apply(copied map[string]string, e Change) error {
	was, known := copied[e.ICCID]
	var account, status string
	_, _ = fmt.Sscan(was, &account, &status) // of a SIM that is not known, both are empty
	fits := known
	switch e.Kind {
	case transfer.SIMCreated:
		fits, account, status = !known, string(e.To.Account), e.Status.To
	case transfer.SIMTransferred:
		fits, account = account == string(e.From.Account), string(e.To.Account)
	case transfer.SIMStatusChanged:
		fits, status = status == e.Status.From && account == string(e.To.Account), e.Status.To
	case transfer.SIMRetired:
		delete(copied, e.ICCID)
		return nil
	case transfer.SIMPlanChanged, transfer.SIMIdentifiersChanged, transfer.SIMSwapped, transfer.SIMOwnerCorrected:
	}
	if !fits {
		return fmt.Errorf("%s of SIM %s at %s does not follow %q", e.Kind, e.ICCID, e.Cursor, was)
	}
	copied[e.ICCID] = account + " " + status
	return nil
}

// A consumer that has only the changes feed, and is killed and started again at
// random while SIMs are imported, transferred and set to other statuses, ends
// with the inventory that the database has.
func TestConsumerOfChanges(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	var over atomic.Bool
	done := make(chan struct{})
	c := &consumer{stored: map[string]string{}}
	go func() {
		defer close(done)
		for last := false; ; last = over.Load() {
			if err := c.run(s, rand.N(60)); err != nil {
				t.Error(err)
				return
			}
			if last {
				return
			}
		}
	}()
	const sims = 24
	for i := 1; i <= sims; i += 6 {
		csv := "iccid,imsis,plan,account\n"
		for n := i; n < i+6; n++ {
			csv += fmt.Sprintf("%s,%s,global-01,%s\n", iccid(n), fmt.Sprintf("00101%010d", n), sourceID)
		}
		s.do(apiCall{method: "POST", path: "/v1/sims", key: s.admin, body: csv, header: csvHeader()}).is(201)
		for range 2 {
			status := []transfer.Status{transfer.Inactive, transfer.Standby, transfer.Suspended}[rand.N(3)]
			s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(i+rand.N(6)), key: s.support, body: map[string]any{"status": status}}).is(200)
		}
		from, to, id := s.source, s.destination, destinationID
		for range 2 {
			body := map[string]any{"destination": map[string]any{"email": emailOf(id), "operator_id": id}, "sims": []string{iccid(i), iccid(i + 1), iccid(i + 2), iccid(i + 3)}}
			path := s.post(from, "/v1/transfer-requests", body).is(202).header.Get("Location")
			s.work()
			if read[Request](s.get(from, path).is(200)).State == transfer.InReview {
				s.post(s.support, path+"/approve", map[string]any{"ticket": "T-1"}).is(202)
			}
			s.post(to, path+"/accept", nil).is(202)
			s.work()
			from, to, id = s.destination, s.source, sourceID
		}
		s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(i), key: s.support, body: map[string]any{"status": "terminated"}})
	}
	over.Store(true)
	<-done
	if err := c.run(s, 1<<30); err != nil {
		t.Fatal(err)
	}
	var rows []struct{ ICCID, Owner, Status string }
	if err := s.db.Pool().SelectContext(t.Context(), &rows, `SELECT iccid, operator_id AS owner, status FROM sims s JOIN accounts a ON a.id = s.account`); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, r := range rows {
		want[r.ICCID] = r.Owner + " " + r.Status
	}
	if diff := cmp.Diff(want, c.stored); diff != "" || len(want) != sims {
		t.Errorf("the copy of %d SIMs (-database +copy):\n%s", len(want), diff)
	}
}
