package api

import (
	"testing"

	"simtransfer/transfer"
)

func TestTransferFromAskingToCompletion(t *testing.T) {
	t.Parallel()
	s := newService(t)
	sims := s.sims(3, transfer.Ready)
	made := s.post(s.source, "/v1/transfer-requests", ask(sims...)).is(202)
	r := read[Request](made)
	if r.State != transfer.Validating || r.Counts.SIMs != 3 || r.Counts.Pending != 3 || r.WaitingFor != nil {
		t.Errorf("made %+v", r)
	}
	path := made.header.Get("Location")
	if path != "/v1/transfer-requests/"+r.ID.String() {
		t.Fatalf("Location %q", path)
	}
	s.work()
	r = read[Request](s.get(s.source, path).is(200))
	if r.State != transfer.AwaitingAcceptance || r.WaitingFor == nil || *r.WaitingFor != transfer.PartyDestination || r.ExpiresAt == nil || r.Counts.Eligible != 3 {
		t.Errorf("validated %+v", r)
	}
	sim := read[SIM](s.get(s.source, "/v1/sims/"+imsi(1)).is(200))
	if sim.Transfer == nil || sim.Transfer.Request != r.ID || sim.Transfer.State != transfer.AwaitingAcceptance || sim.Status != transfer.Ready {
		t.Errorf("SIM %+v", sim)
	}
	if r = read[Request](s.post(s.other, path+"/accept", nil).is(202)); r.State != transfer.Transferring {
		t.Errorf("accepted %+v", r)
	}
	s.work()
	r = read[Request](s.get(s.other, path).is(200))
	if r.State != transfer.RequestCompleted || r.Counts.Completed != 3 || r.FinishedAt == nil {
		t.Errorf("completed %+v", r)
	}
	s.get(s.source, "/v1/sims/"+imsi(1)).problem(404, CodeNotFound)
	sim = read[SIM](s.get(s.other, "/v1/sims/"+imsi(1)).is(200))
	if sim.Account != otherID || sim.Transfer != nil {
		t.Errorf("SIM %+v", sim)
	}
	list := read[List[Transfer]](s.get(s.other, path+"/transfers").is(200))
	if len(list.Items) != 3 || list.Items[0].State != transfer.Completed || list.Items[0].Before != nil {
		t.Errorf("transfers %+v", list)
	}
	events := read[List[Event]](s.get(s.source, path+"/events").is(200))
	if len(events.Items) < 3 || events.Items[0].Kind != "create" || *events.Items[0].Key != "source" {
		t.Errorf("events %+v", events)
	}
}
