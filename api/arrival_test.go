package api

import (
	"strings"
	"testing"

	"simtransfer/transfer"
)

// TestRecipientSeesWhatItIsAboutToGet reads the SIMs of an offered request as each
// party: the destination learns the plan, its price, the dropped session and the
// settings that the SIMs land with, and nothing that is the source's own.
func TestRecipientSeesWhatItIsAboutToGet(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	s.sims(1, transfer.Active)
	s.exec(`UPDATE accounts SET name = 'North Sensors Ltd' WHERE operator_id = $1`, sourceID)
	s.exec(`UPDATE accounts SET currency = 'USD' WHERE operator_id = $1`, destinationID)
	s.exec(`UPDATE sims SET plan = 'global-01', sim_group = 'secret-group', tags = '{"secret": "tag"}', speed_class = 'secret-speed', imei_lock = '490154203237518',
		event_handlers = '["secret-handler"]', containers = '["profile-7"]', expiration = '2031-01-31T00:00:00Z', termination_protection = true`)
	s.do(apiCall{method: "PUT", path: "/v1/plans/global-01", key: s.admin, body: m{"coverage_bound": false, "monthly_prices": []any{
		m{"minor": 175, "currency": "EUR"}, m{"minor": 190, "currency": "USD"},
	}}}).is(200)
	s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime) VALUES ('s', 'u', $1, '10.0.0.1', clock_timestamp())`, imsi(1))
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, path+"/approve", m{"ticket": "T-1"}).is(202)

	answer := s.get(s.destination, path)
	r := read[Request](answer.is(200))
	if *r.SourceName != "North Sensors Ltd" || r.Monthly.Total != (transfer.Money{Minor: 190, Currency: "USD"}) || r.Monthly.Unpriced != 0 {
		t.Errorf("the destination reads %s", answer.text)
	}
	list := s.get(s.destination, path+"/transfers").is(200)
	sim := read[List[Transfer]](list).Items[0]
	equal(t, *sim.Status, transfer.Active)
	equal(t, *sim.Plan, "global-01")
	a := *sim.Arrival
	if a.Plan != "global-01" || *a.MonthlyPrice != (transfer.Money{Minor: 190, Currency: "USD"}) || !a.DropsSession {
		t.Errorf("the SIM arrives as %+v", a)
	}
	if !a.Settings.TerminationProtection || a.Settings.Expiration == nil || a.Settings.Containers[0] != "profile-7" || len(a.Settings.Tags) != 0 || a.Settings.IMEILock != nil {
		t.Errorf("its settings are %+v", a.Settings)
	}
	equal(t, a.Withheld, []string{"tags", "imei_lock"})
	if row := strings.TrimSpace(s.results(s.destination, path, "text/csv").is(200).text); !strings.HasSuffix(row, ",active,global-01,global-01,1.90,USD,true,,,") {
		t.Errorf("the row of the results is %s", row)
	}
	for _, format := range []string{"application/json", "text/csv", "application/x-ndjson"} {
		list.text += s.results(s.destination, path, format).is(200).text
	}
	for _, secret := range []string{"secret", "490154203237518", "1.75", "EUR"} {
		if strings.Contains(list.text+answer.text, secret) {
			t.Errorf("the destination reads %q in %s", secret, list.text+answer.text)
		}
	}

	source := read[List[Transfer]](s.get(s.source, path+"/transfers").is(200)).Items[0]
	if source.Arrival != nil || *source.Plan != "global-01" || read[Request](s.get(s.source, path).is(200)).Monthly != nil {
		t.Errorf("the source reads %+v", source)
	}
	s.exec(`INSERT INTO plan_mappings (account, source, plans) SELECT id, '', '{"global-01": "local-01"}' FROM accounts WHERE operator_id = $1`, destinationID)
	sim = read[List[Transfer]](s.get(s.support, path+"/transfers").is(200)).Items[0]
	if sim.Arrival.Plan != "local-01" || sim.Arrival.MonthlyPrice != nil {
		t.Errorf("with a mapping of plans, the SIM arrives as %+v", sim.Arrival)
	}
	if r := read[Request](s.get(s.destination, path).is(200)); r.Monthly != nil {
		t.Errorf("SIMs on plans without prices cost %+v", r.Monthly)
	}
	s.exec(`DELETE FROM plan_mappings`)

	// The price is what the destination has seen, or the acceptance is refused.
	tag := s.get(s.destination, path).is(200).header.Get("ETag")
	s.do(apiCall{method: "PUT", path: "/v1/plans/global-01", key: s.admin, body: m{"coverage_bound": false, "monthly_prices": []any{m{"minor": 290, "currency": "USD"}}}}).is(200)
	accept := apiCall{method: "POST", path: path + "/accept", key: s.destination, body: m{"landing": m{"group": "meters", "tags": m{"site": "north"}}}, header: map[string]string{"If-Match": tag}}
	s.do(accept).is(412)
	accept.header["If-Match"] = s.get(s.destination, path).is(200).header.Get("ETag")
	s.do(accept).is(202)
	a = *read[List[Transfer]](s.get(s.destination, path+"/transfers").is(200)).Items[0].Arrival
	if *a.Settings.Group != "meters" || a.Settings.Tags["site"] != "north" || len(a.Settings.Tags) != 1 || a.MonthlyPrice.Minor != 290 {
		t.Errorf("after the acceptance, the SIM arrives as %+v", a)
	}
	s.exec(`UPDATE radius.radacct SET acctstoptime = now()`)
	s.work()
	sim = read[List[Transfer]](s.get(s.destination, path+"/transfers").is(200)).Items[0]
	if sim.State != transfer.Completed || sim.Arrival != nil || sim.Plan != nil || sim.Status != nil {
		t.Errorf("at the end, the destination reads %+v", sim)
	}
}
