package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// The schemas of bodies have the limits of transfer/limits.go. Every text, list
// and number of a body has a limit.
func TestBodiesHaveTheLimits(t *testing.T) {
	t.Parallel()
	document := newServer(Config{}).register(http.NewServeMux())
	want := map[string]int{ // maximum length, number of elements, or value; parsers check 0
		"body.coverage":               transfer.MaxCoverage,
		"body.email":                  transfer.MaxEmail,
		"body.destination.email":      transfer.MaxEmail,
		"body.name":                   transfer.MaxKeyName,
		"body.ticket":                 transfer.MaxTicket,
		"body.reason":                 transfer.MaxReasonText,
		"body.fee_reason":             transfer.MaxReasonText,
		"body.fee.minor":              transfer.MaxFee,
		"body.group":                  transfer.MaxGroup,
		"body.landing.group":          transfer.MaxGroup,
		"body.landing.speed_class":    transfer.MaxSpeedClass,
		"body.landing.tags":           transfer.MaxTags,
		"body.acceptance_seconds":     int(transfer.MaxAcceptance.Seconds()),
		"body.seconds":                int(transfer.MaxAcceptance.Seconds()),
		"create-request body.sims":    transfer.MaxRequestSIMs,
		"create-account body.name":    transfer.MaxAccountName,
		"update-account body.name":    transfer.MaxAccountName,
		"body.plans":                  transfer.MaxAccountPlans,
		"body.plans.key":              0, // parsers check it
		"body.default":                transfer.MaxPlanName,
		"put-plan-mapping body.plans": transfer.MaxMappedPlans,
		"body.landing.plan":           transfer.MaxPlanName,
		"body.contacts.transfers":     transfer.MaxContacts,
		"body.contacts.billing":       transfer.MaxContacts,
		"body.contacts.security":      transfer.MaxContacts,
		"body.account":                transfer.MaxAccountRef,
		"body.on_behalf_of":           transfer.MaxAccountRef,
		"preview-request body.sims":   transfer.MaxRequestSIMs,
		"accept-request body.sims":    transfer.MaxRequestSIMs,
		"decline-request body.sims":   transfer.MaxPartial,
		"cancel-request body.sims":    transfer.MaxPartial,
		"update-sim body.tags":        0, // any number can be removed
		"update-sim body.tags.key":    0,
		"body.change.tags":            0,
		"body.change.tags.key":        0,
		"body.expect_count":           0, // compared with a count
		"body.change.group":           transfer.MaxGroup,
		"body.change.plan":            transfer.MaxPlanName,
		"body.filter.plan":            transfer.MaxFilterValues,
		"body.filter.group":           transfer.MaxFilterValues,
		"body.filter.lot":             transfer.MaxFilterValues,
		"body.filter.eid":             transfer.MaxFilterValues,
		"body.filter.external_id":     transfer.MaxFilterValues,
		"body.filter.iccid_range":     transfer.MaxFilterValues,

		"body.filter.identifier_prefix": transfer.MaxFilterValues,
		"body.filter.identifier_suffix": transfer.MaxFilterValues,

		"body.lot":                    transfer.MaxLot,
		"body.external_id":            transfer.MaxExternalID,
		"body.speed_class":            transfer.MaxSpeedClass,
		"body.plan":                   transfer.MaxPlanName,
		"body.event_handlers":         transfer.MaxListItems,
		"change-sims body.sims":       transfer.MaxRequestSIMs,
		"body.landing.tags.key":       0,
		"approve-request body.ticket": transfer.MaxTicket,
		"body.description":            transfer.MaxGatewayDescription,
		"body.server":                 transfer.MaxGatewayServer,
		"body.secret":                 transfer.MaxGatewaySecret,
		"body.reference":              transfer.MaxReference,
		"body.message":                transfer.MaxMessage,
		"body.text":                   transfer.MaxComment,
		"body.visible_to":             len(transfer.Parties()) - 1,
		"body.sim_references":         transfer.MaxRequestSIMs,
		"body.sim_references.key":     0,
		"body.nas_address":            64, // an address in any notation

		"body.iccids":                    transfer.MaxPullSIMs,
		"body.answer_seconds":            int(transfer.MaxPullPeriod.Seconds()),
		"body.valid_seconds":             int(transfer.MaxCodePeriod.Seconds()),
		"redeem-transfer-code body.code": transfer.MaxCodeText,
		"approve-pull-request body.sims": transfer.MaxPullSIMs,
		"create-transfer-code body.sims": transfer.MaxRequestSIMs,

		"approve-requests body.ticket": transfer.MaxTicket,
		"body.requests":                transfer.MaxDecisions,
		"body.filter.account":          transfer.MaxAccountRef,
		"body.filter.reference":        transfer.MaxReference,
	}
	for _, route := range takesJSON() {
		body := operationOf(document.Paths[route.Path], route.Method).RequestBody
		for _, f := range bodyFields(document.Components.Schemas, body.Content[typeJSON].Schema, nil) {
			limit := -1
			switch s := f.schema; {
			case s.Type == huma.TypeString && len(s.Enum) == 0 && s.Format == "":
				limit = valueOrZero(s.MaxLength)
			case s.Type == huma.TypeArray:
				limit = valueOrZero(s.MaxItems)
			case s.Type == huma.TypeInteger:
				limit = int(valueOrZero(s.Maximum))
			case s.AdditionalProperties != nil && s.AdditionalProperties != false:
				limit = valueOrZero(s.MaxProperties)
			}
			n, ok := want[route.OperationID+" "+f.location()]
			if !ok {
				n, ok = want[f.location()]
			}
			if ok && n != limit || !ok && limit == 0 {
				t.Errorf("%s: the limit of %s is %d, not %d", route.OperationID, f.location(), limit, n)
			}
		}
	}
}

// A text that shows nothing is empty, wherever a text is taken.
func TestBlankTexts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Suspended)
	type m = map[string]any
	review := func() string {
		id := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)).ID
		s.work()
		return "/v1/transfer-requests/" + id.String()
	}
	path := review()
	for _, blank := range []string{" ", "\t\n", "\u00a0", "\u200b", "\ufeff\u2060", "\u3164", "\u202e", "\u2800", "\x07"} {
		for name, call := range map[string]struct {
			method, path, key string
			body              m
			at                string
		}{
			"ticket":       {"POST", path + "/approve", s.support, m{"ticket": blank}, "body.ticket"},
			"fee reason":   {"POST", path + "/approve", s.support, m{"ticket": "T", "fee": m{"minor": 1}, "fee_reason": blank}, "body.fee_reason"},
			"denial":       {"POST", path + "/deny", s.support, m{"reason": blank}, "body.reason"},
			"key":          {"POST", "/v1/keys", s.admin, m{"role": "support", "name": blank}, "body.name"},
			"coverage":     {"PATCH", "/v1/accounts/" + sourceID, s.admin, m{"coverage": blank}, "body.coverage"},
			"new coverage": {"POST", "/v1/accounts", s.admin, m{"operator_id": "OP0000000077", "email": "a@example.com", "currency": "EUR", "coverage": blank}, "body.coverage"},
			"email":        {"POST", "/v1/accounts", s.admin, m{"operator_id": "OP0000000077", "email": blank, "currency": "EUR", "coverage": "c"}, "body.email"},
			"operator id":  {"POST", "/v1/accounts", s.admin, m{"operator_id": blank, "email": "a@example.com", "currency": "EUR", "coverage": "c"}, "body.operator_id"},
			"landing plan": {"POST", path + "/accept", s.destination, m{"landing": m{"plan": blank}}, "body.landing.plan"},
			"default plan": {"PUT", "/v1/accounts/" + destinationID + "/plan-mappings", s.destination, m{"plans": m{"global-01": "global-01"}, "default": blank}, "body.default"},
			"tag":          {"PATCH", "/v1/sims/" + iccid(1), s.source, m{"tags": m{blank: "x"}}, "body.tags." + blank},
		} {
			p := s.do(apiCall{method: call.method, path: call.path, key: call.key, body: call.body}).problem(422, problem.Invalid)
			if len(p.Errors) != 1 || p.Errors[0].Location != call.at {
				t.Errorf("%s %+q: %+v", name, blank, p.Errors)
			}
		}
	}
	approved := read[Request](s.post(s.support, path+"/approve", m{"ticket": "\u200b T-1 "}).is(202))
	if valueOrZero(approved.Ticket) != "T-1" {
		t.Errorf("ticket %q", valueOrZero(approved.Ticket))
	}
	declined := s.post(s.destination, path+"/decline", m{"reason": " \u200b"}).is(202)
	if strings.Contains(declined.text, `\u200b`) {
		t.Error(declined.text)
	}
	s.work()
	for _, e := range read[List[Event]](s.get(s.source, path+"/events").is(200)).Items {
		if e.Kind == transfer.EventDecline && slices.Contains(slices.Collect(maps.Keys(e.Detail)), "reason") {
			t.Errorf("the decline has a blank reason: %v", e.Detail)
		}
	}
	path = review()
	s.post(s.support, path+"/deny", m{"reason": "first\nsecond\x1b[31m"}).problem(422, problem.Invalid)
	s.post(s.support, path+"/deny", m{"reason": " first\nsecond "}).is(202)
}

// An account is found by its address, however that is written.
func TestAddressesAreComparedInOneForm(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(9, transfer.Ready)
	type m = map[string]any
	made := read[Account](s.post(s.admin, "/v1/accounts", m{
		"operator_id": "op0000000055\u200b", "email": "\ufeffRene\u0301@Mu\u0308ller.example\u200b", "currency": "eur\u00a0", "coverage": "global",
	}).is(201))
	if made.OperatorID != "OP0000000055" || made.Email != "rené@xn--mller-kva.example" || made.Currency != "EUR" {
		t.Errorf("%+v", made)
	}
	for i, email := range []string{"rené@müller.example", "RENÉ@MÜLLER.EXAMPLE", " rené@xn--mller-kva.example\u2060"} {
		s.post(s.source, "/v1/transfer-requests", m{"destination": m{"email": email, "operator_id": "OP0000000055"}, "sims": []string{iccid(i + 1)}}).is(202)
		file := "sim,destination_email,destination_operator_id\n" + iccid(i+4) + "," + email + ",\u200bOP0000000055\n"
		s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: file, header: csvHeader()}).is(202)
	}
	p := s.post(s.source, "/v1/transfer-requests", m{"destination": m{"email": "ren\u200bé@müller.example", "operator_id": "OP0000000055"}, "sims": []string{iccid(9)}}).problem(422, problem.Invalid)
	if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Message, "U+200B") {
		t.Errorf("%+v", p.Errors)
	}
}

// An import has the limits of a PATCH.
func TestImportsHaveTheLimitsOfAPatch(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	head := "iccid,imsis,account,plan,group,speed_class,tags,event_handlers,containers\n"
	list := func(n int) string {
		var tags []string
		for i := range n {
			tags = append(tags, fmt.Sprintf("t%d=1", i))
		}
		return strings.Join(tags, ";")
	}
	x := func(n int) string { return strings.Repeat("ü", n) }
	line := func(n int, group, speed, tags, handlers, containers string) string {
		return head + strings.Join([]string{iccid(n), imsi(n), sourceID, "global-01", group, speed, tags, handlers, containers}, ",") + "\n"
	}
	s.importSIMs("text/csv", line(1, x(transfer.MaxGroup), x(transfer.MaxSpeedClass), list(transfer.MaxTags), list(transfer.MaxListItems), x(transfer.MaxItemLength))).is(201)
	for column, text := range map[string]string{
		"group":          line(2, x(transfer.MaxGroup+1), "", "", "", ""),
		"speed_class":    line(2, "", x(transfer.MaxSpeedClass+1), "", "", ""),
		"tags":           line(2, "", "", list(transfer.MaxTags+1), "", ""),
		"event_handlers": line(2, "", "", "", list(transfer.MaxListItems+1), ""),
		"containers":     line(2, "", "", "", "", x(transfer.MaxItemLength+1)),
	} {
		p := s.importSIMs("text/csv", text).problem(422, problem.InvalidLines)
		if len(p.Errors) != 1 || p.Errors[0].Column != column {
			t.Errorf("%s: %+v", column, p.Errors)
		}
	}
	for column, text := range map[string]string{
		"group": line(2, "no\u200brth", "", "", "", ""),
		"tags":  line(2, "", "", "\u3164=x", "", ""),
	} {
		p := s.importSIMs("text/csv", text).problem(422, problem.InvalidLines)
		if len(p.Errors) != 1 || p.Errors[0].Column != column {
			t.Errorf("%s: %+v", column, p.Errors)
		}
	}
	s.importSIMs("text/csv", line(3, " \u200b", "\u3164", "", " ; \u200b", "")).is(201)
	if sim := read[SIM](s.get(s.source, "/v1/sims/"+iccid(3)).is(200)); sim.Group != nil || sim.SpeedClass != nil || len(sim.EventHandlers) != 0 {
		t.Errorf("%+v", sim)
	}
}
