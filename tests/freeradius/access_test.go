package freeradius_test

import (
	"testing"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// userName is an identity of EAP-AKA.
func userName(sim storagetest.SIM) string {
	return "0" + sim.IMSI + "@nai.epc.mnc001.mcc001.3gppnetwork.org"
}

// request sends an Access-Request of a SIM, which is named by its identity of EAP-AKA, and
// returns the answer.
func (s *freeRADIUS) request(sim storagetest.SIM) *layeh.Packet {
	s.t.Helper()
	return s.send(s.auth, func() *layeh.Packet {
		p := layeh.New(layeh.CodeAccessRequest, []byte(secret))
		_ = rfc2865.UserName_SetString(p, userName(sim))
		_ = rfc2865.CallingStationID_SetString(p, "+"+sim.MSISDN)
		_ = rfc2865.UserPassword_SetString(p, "password")
		return p
	})
}

// A SIM is rejected while a worker ends its sessions to transfer it, and no longer than
// that, and is answered with the group of its owner.
func TestAccessWhileASIMMoves(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true})
	source, destination := s.db.Account(), s.db.Account()
	sims := s.db.SIMs(2, storagetest.SIM{Account: source.ID, Status: transfer.Active})
	moving, other := sims[0], sims[1]
	for _, account := range []storage.Account{source, destination} {
		s.db.Exec(`INSERT INTO radius.radgroupcheck (groupname, attribute, op, value) VALUES ($1, 'Auth-Type', ':=', 'Accept')`, account.OperatorID)
		s.db.Exec(`INSERT INTO radius.radgroupreply (groupname, attribute, op, value) VALUES ($1, 'Filter-Id', ':=', $1)`, account.OperatorID)
	}
	expect := func(when string, sim storagetest.SIM, code layeh.Code, group transfer.OperatorID) {
		t.Helper()
		answer := s.request(sim)
		if got := rfc2865.FilterID_GetString(answer); answer.Code != code || got != string(group) {
			t.Errorf("%s, the answer is %v with the group %q, want %v with %q", when, answer.Code, got, code, group)
		}
	}
	expect("before", moving, layeh.CodeAccessAccept, source.OperatorID)

	s.db.Exec(`INSERT INTO open_transfers (sim, request, n) SELECT id, '01990000-0000-7000-8000-000000000001', row_number() OVER (ORDER BY id) FROM sims`)
	s.db.Exec(`INSERT INTO work (kind, request, items, n, gateway, queue) VALUES ('drop_sessions', '01990000-0000-7000-8000-000000000001', '{1}', 1, '10.0.0.1', 'gateway')`)
	expect("while no worker has the work", moving, layeh.CodeAccessAccept, source.OperatorID)
	s.db.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '1 minute'`)
	expect("while a worker ends its sessions", moving, layeh.CodeAccessReject, "")
	expect("while another SIM moves", other, layeh.CodeAccessAccept, source.OperatorID)
	s.db.Exec(`UPDATE work SET lease_until = clock_timestamp() - interval '1 second'`)
	expect("when the worker has died", moving, layeh.CodeAccessAccept, source.OperatorID)

	s.db.Exec(`DELETE FROM work`)
	s.db.Exec(`DELETE FROM open_transfers`)
	s.db.Exec(`UPDATE sims SET account = $1 WHERE id = $2`, destination.ID, moving.ID)
	expect("after the transfer", moving, layeh.CodeAccessAccept, destination.OperatorID)
	expect("after another SIM's transfer", other, layeh.CodeAccessAccept, source.OperatorID)

	// Groups in radusergroup come first.
	s.db.Exec(`INSERT INTO radius.radusergroup (username, groupname) VALUES ($1, 'own')`, userName(other))
	s.db.Exec(`INSERT INTO radius.radgroupcheck (groupname, attribute, op, value) VALUES ('own', 'Auth-Type', ':=', 'Accept')`)
	s.db.Exec(`INSERT INTO radius.radgroupreply (groupname, attribute, op, value) VALUES ('own', 'Filter-Id', ':=', 'own')`)
	expect("with a group of its own", other, layeh.CodeAccessAccept, "own")

	if groups := storagetest.All[string](s.db, `SELECT groupname FROM radius.access_groups('unknown', '', '', true)`); len(groups) > 0 {
		t.Errorf("an unknown user has the groups %v, want none", groups)
	}
}
