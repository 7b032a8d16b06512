package api

import (
	"path"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// addExamples adds an example to every JSON body and response of the document, by
// the name of its schema, and to every problem the examples for its status.
func addExamples(document *huma.OpenAPI) {
	all := examples()
	problems := exampleProblems()
	document.Components.Examples = map[string]*huma.Example{}
	for _, item := range document.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if o == nil {
				continue
			}
			if o.RequestBody != nil {
				addExample(o.RequestBody.Content[typeJSON], all)
			}
			for status, r := range o.Responses {
				addExample(r.Content[typeJSON], all)
				addStateAfter(o.OperationID, r.Content[typeJSON])
				if p := r.Content[problem.ContentType]; p != nil {
					p.Examples = problemsWith(status)
					for code := range p.Examples {
						document.Components.Examples[code] = problems[code]
					}
				}
			}
		}
	}
}

func addExample(m *huma.MediaType, all map[string]any) {
	if m != nil && m.Schema != nil && m.Schema.Ref != "" {
		m.Example = all[path.Base(m.Schema.Ref)]
	}
}

// addStateAfter gives the example of a request the state that it has after an
// operation.
func addStateAfter(operation string, m *huma.MediaType) {
	if m == nil {
		return
	}
	r, ok := m.Example.(Request)
	if !ok {
		return
	}
	switch operation {
	case "create-request", "retry-request":
		r.State, r.Counts = transfer.Validating, Counts{SIMs: 2, Pending: 2}
		r.NextAction, r.Fees, r.Ticket, r.ExpiresAt = nil, nil, nil, nil
	case "accept-request":
		r.State, r.NextAction, r.ExpiresAt = transfer.Transferring, nil, nil
	case "decline-request":
		r.State, r.NextAction, r.ExpiresAt = transfer.RequestDeclined, nil, nil
	case "cancel-request":
		r.State, r.NextAction, r.ExpiresAt = transfer.RequestCanceled, nil, nil
	case "deny-request":
		r.State, r.NextAction, r.ExpiresAt, r.Ticket = transfer.RequestDenied, nil, nil, nil
	}
	r.CanCancel = !r.State.Final() && r.State != transfer.Transferring
	m.Example = r
}

// exampleProblems returns an example for each kind of problem, by its code.
func exampleProblems() map[string]*huma.Example {
	all := map[string]*huma.Example{}
	for _, k := range problem.Kinds() {
		p := problem.New(k.Code, k.Meaning)
		p.Instance = "/v1/transfer-requests#7f0c1d4e"
		switch k.Code {
		case problem.RequestState:
			p.State = string(transfer.RequestCanceled)
		case problem.Invalid:
			p.Add(problem.FieldError{Location: "body.acceptance_seconds", Message: "expected number >= 1", Value: "0"})
		case problem.InvalidLines:
			p.Add(problem.FieldError{Line: 7, Column: "sim", Code: "bad_value", Message: "\"8988-no-number\" is not a SIM identifier: an ICCID, IMSI or MSISDN has digits only"})
		default:
		}
		all[string(k.Code)] = &huma.Example{Summary: k.Title, Value: p}
	}
	return all
}

// problemsWith returns references to the examples of problems with a status.
func problemsWith(status string) map[string]*huma.Example {
	some := map[string]*huma.Example{}
	for _, k := range problem.Kinds() {
		if strconv.Itoa(k.Status) == status {
			some[string(k.Code)] = &huma.Example{Ref: "#/components/examples/" + string(k.Code)}
		}
	}
	return some
}

// examples returns an example for each schema of a body or response, by the name
// of the schema. Together they show the transfer of two SIMs between accounts.
func examples() map[string]any {
	const (
		source, receiver = transfer.OperatorID("OP0012345678"), transfer.OperatorID("OP0087654321")
		first, second    = "8988211000000000011", "001010000000002"
	)
	var (
		comment = Comment{
			Seq: 4, At: time.Date(2026, time.January, 31, 13, 0, 0, 0, time.UTC), Party: transfer.PartySource, Key: new("warehouse"), KeyID: new(int64(7)),
			Text: "Please waive the fee.", VisibleTo: []transfer.Party{transfer.PartySource, transfer.PartySupport},
		}

		noon    = time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
		later   = noon.Add(10 * time.Minute)
		expiry  = noon.AddDate(0, 0, 1)
		request = uuid.MustParse("0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21")
		batch   = uuid.MustParse("0198c5f2-1b00-7aaa-8f10-2f1f6a3c9d02")
		fee     = transfer.Money{Minor: 250, Currency: "EUR"}

		account = Account{OperatorID: source, Email: "sims@example.com", Currency: "EUR", Coverage: "global", Standing: "open", Name: new("North Sensors Ltd"), ExternalID: new("C-1001"), Landing: &LandingProfile{Group: "arrivals", Tags: map[string]string{"origin": "transfer"}}, CreatedAt: noon}
		plan    = Plan{Name: "global-01", MonthlyPrices: []transfer.Money{{Minor: 175, Currency: "EUR"}}}
		mapping = PlanMapping{Plans: map[string]string{plan.Name: "iot-basic"}, Default: new("iot-standard"), UpdatedAt: noon}
		price   = Fee{ID: 3, Method: transfer.SupportAssisted, Currency: "EUR", Fee: &fee, ValidFrom: noon, Current: true}
		key     = Key{ID: 7, Hint: "st_account_abcd…wxyz", Role: "account", Account: new(source), Permission: new(storage.PermissionOwner), Name: "warehouse", CreatedAt: noon, CreatedBy: new(int64(1)), LastUsedAt: &later}
		sim     = SIM{
			ICCID: first, IMSIs: []string{"001010000000001"}, MSISDNs: []string{"12025550101"}, Account: source, Since: noon, UpdatedAt: noon,
			Status: transfer.Ready, Plan: plan.Name, Settings: Settings{Tags: map[string]string{"site": "north"}, EventHandlers: []string{}, Containers: []string{}},
			Transfer: &OpenTransfer{Request: request, State: transfer.AwaitingAcceptance, ExpiresAt: &expiry},
		}
		asked = Request{
			ID: request, State: transfer.AwaitingAcceptance, NextAction: &NextAction{Party: transfer.PartyDestination, Until: expiry, Acts: []transfer.Event{transfer.Accept, transfer.Decline}}, Source: source, Destination: receiver,
			SourceName: account.Name, CanCancel: true, AcceptanceSeconds: 86400, Counts: Counts{SIMs: 2, Eligible: 2, Support: 1},
			Fees: &Fees{Quoted: fee, Charged: transfer.Money{Currency: "EUR"}}, Ticket: new("CASE-1001"), CreatedAt: noon, ExpiresAt: &expiry,
		}
		moved = Transfer{
			Line: 2, Identifier: second, ICCID: new("8988211000000000029"), State: transfer.Completed, Method: new(transfer.SupportAssisted),
			Fee: &fee, SessionDropped: true, Advice: transfer.PowerCycleAdvice, FinishedAt: &later,
		}
		upload = Batch{ID: batch, Source: source, CreatedAt: noon, Counts: Counts{SIMs: 2, Pending: 2}, Requests: 1}
		event  = Event{
			Seq: 4, At: later, Kind: "accept", Party: transfer.PartyDestination,
			From: new(transfer.AwaitingAcceptance), To: new(transfer.Transferring), Detail: map[string]any{"accepted": 2},
		}
		emailUse = EmailUse{
			Kind: storage.EmailOfPerson, Account: new(source), AccountName: account.Name, Standing: new(storage.StandingOpen), Role: new(storage.RoleAccount),
			Permission: new(storage.PermissionOwner), Person: new(int64(12)), Name: new("Jane Doe"),
		}
		pulled = PullRequest{
			ID: uuid.MustParse("0198c5f2-2d10-7c3e-8a41-5b9c3d7e1f60"), Direction: "incoming", State: transfer.PullOpen, Asker: receiver, AskerName: new("Field Devices Inc"),
			Reference: new("PO-4711"), Message: new("the meters that we bought with the building"), Size: 1, Requests: []string{}, CreatedAt: noon, ExpiresAt: expiry,
		}
		code = TransferCode{
			ID: uuid.MustParse("0198c5f2-3e21-7d4f-9b52-6cad4e8f2071"), State: transfer.CodeOpen, Source: source, Size: 2, AcceptanceSeconds: 86400,
			Reference: new("PO-4711"), CreatedAt: noon, ExpiresAt: expiry,
		}
		endpoint = WebhookEndpoint{
			ID: uuid.MustParse(exampleEndpointID), Account: new(source), URL: "https://example.com/simtransfer", State: "enabled",
			Types: []transfer.MessageType{transfer.MessageAwaiting, transfer.MessageCompleted}, SecretSetAt: noon, CreatedAt: noon, LastSuccessAt: &later,
		}
		delivery = WebhookDelivery{
			ID: 4711, Message: "1234-5678", Type: transfer.MessageCompleted, Timestamp: noon, State: transfer.DeliveryPending, Attempts: 1, CreatedAt: noon,
			NextAttemptAt: &later, AttemptedAt: &noon, TookMS: new(12), Status: new(500), Error: new("the receiver answered 500 Internal Server Error"),
			RequestHeaders: map[string]string{"webhook-id": "1234-5678"}, ResponseHeaders: map[string]string{"content-type": "text/plain"}, Response: "oops",
		}
		mailed = Mail{
			ID: 17, Event: "1234-5678", Account: new(receiver), Email: "desk@example.com", Kind: transfer.MailKindAsked, Type: transfer.MailAsked, Request: new(uuid.MustParse(exampleRequestID)),
			State: transfer.MailFailed, Attempts: 1, CreatedAt: noon, AttemptedAt: &noon, EndedAt: &noon, Code: new(550), Error: new("550 5.1.1 no such mailbox"),
		}
		locked  = ReasonCount{State: transfer.Ineligible, Reason: transfer.SIMLocked, Remedy: transfer.SIMLocked.Remedy(), Count: 1}
		listed  = asked
		gateway = Gateway{Name: "10.0.0.1", Description: "PGW 1", Server: new("10.0.0.1:3799"), Address: new("10.0.0.1:3799"), Signed: true, SecretSetAt: &noon, Preset: transfer.PresetGeneric, Attributes: transfer.DefaultGatewayAttributes(), MaxInFlight: new(64)}
	)
	listed.Fees = nil
	replaced, replacing := sim, sim
	replaced.MSISDNs, replaced.Status, replaced.Transfer = []string{}, transfer.Terminated, nil
	replacing.ICCID, replacing.IMSIs, replacing.Status, replacing.Transfer = "8988211000000000029", []string{second}, transfer.Active, nil
	return map[string]any{
		"CreateAccountInputBody": map[string]any{
			"operator_id": source, "email": "sims@example.com", "currency": "EUR", "coverage": "global", "name": "North Sensors Ltd", "external_id": "C-1001",
			"contacts": map[string]any{"billing": []string{"invoices@example.com"}},
		},
		"AccountsImport": AccountsImport{Rows: 2, Updated: 1, Refused: 1, Items: []AccountLine{
			{Line: 2, OperatorID: source, ExternalID: new("C-1001"), Outcome: accountUpdated, Fields: []string{"name"}},
			{Line: 3, OperatorID: receiver, Outcome: accountRefused, Column: "plans", Code: "unknown_plan", Message: `there is no plan "global-1": create it first, or correct its name`},
		}},
		"UpdateAccountInputBody": map[string]any{"standing": "closed"},
		"Account":                account,
		"AccountName":            AccountName{OperatorID: source, Name: account.Name, ExternalID: account.ExternalID, Currency: "EUR"},
		"LandingProfile":         account.Landing,
		"EmailUse":               emailUse,
		"EmailUses":              EmailUses{Email: account.Email, Total: 1, Items: []EmailUse{emailUse}},
		"ListAccountName":        List[AccountName]{Items: []AccountName{{OperatorID: source, Name: account.Name, ExternalID: account.ExternalID, Currency: "EUR"}}},
		"ListAccount":            List[Account]{Items: []Account{account}, NextCursor: string(source)},

		"PutPlanMappingInputBody": map[string]any{"plans": map[string]string{"global-01": "iot-basic"}, "default": "iot-standard"},
		"PlanMapping":             mapping,
		"PlanMappings":            PlanMappings{Items: []PlanMapping{mapping}},

		"PutPlanInputBody":    map[string]any{"coverage_bound": false, "monthly_prices": []map[string]any{{"amount": "1.75", "currency": "EUR"}}},
		"Plan":                plan,
		"ListPlansOutputBody": map[string]any{"items": []Plan{plan}},

		"Imported": Imported{2},
		"Synced": Synced{
			Rows: 1000, Created: 2, Changed: 5, Unchanged: 992, Refused: 1, ChangedFields: map[string]int{"status": 4, "msisdns": 2},
			Errors: []problem.FieldError{{
				Line: 17, Column: "account", Code: string(storage.SyncOtherOwner),
				Message: "the SIM belongs to OP0012345678, not to OP0087654321: a sync does not change owners. Correct the row, or transfer the SIM",
			}},
		},
		"UpdateSIMInputBody":     map[string]any{"transfer_lock": true, "tags": map[string]string{"site": "north"}},
		"CorrectStatusInputBody": map[string]any{"status": "ready", "reason": "Activated by mistake, CASE-1001"},
		"SIM":                    sim,
		"PutIdentifierInputBody": map[string]any{"kind": "msisdn"},
		"SwapSIMInputBody":       map[string]any{"iccid": "8988211000000000029", "imsis": []string{second}, "reason": "the card is damaged, CASE-1001"},
		"SwappedSIMs":            SwappedSIMs{Old: replaced, New: replacing},
		"RetireSIMInputBody":     map[string]any{"reason": "imported twice, CASE-1001"},
		"CorrectOwnerInputBody":  map[string]any{"account": receiver, "reason": "imported for the wrong account", "ticket": "CASE-1001"},
		"ChangeSIMsInputBody":    map[string]any{"filter": map[string]any{"status": []transfer.Status{transfer.Active}, "group": []string{"meters"}}, "change": map[string]any{"transfer_lock": true}, "expect_count": 250},
		"BulkChange":             BulkChange{Selected: 250, Changed: 240, Unchanged: 10, Refused: []BulkRefusal{}},
		"ListSIM":                List[SIM]{Items: []SIM{sim}, NextCursor: "4711"},
		"SIMHistory": SIMHistory{
			SIM:    sim,
			Owners: []OwnedSince{{Account: receiver, Since: later, Request: &request}, {Account: source, Since: noon}},
			Transfers: []PastTransfer{{
				Request: request, RequestState: transfer.RequestCompleted, Source: source, Destination: receiver, Ticket: new("CASE-1001"), CreatedAt: noon, Transfer: moved,
			}},
			Sessions: []Session{{ID: "5f2c", Gateway: "192.0.2.10", StartedAt: &noon, StoppedAt: &later, Cause: new("Admin-Reset"), InOctets: 1024, OutOctets: 2048}},
			Charges:  []ChargedFee{{Request: request, Account: source, Fee: fee, ChargedAt: later}},
			Former:   []FormerIdentifier{{Identifier: "12025550102", Kind: storage.KindMSISDN, Until: noon}},
			Swaps:    []PastSwap{{At: noon, Old: "8988211000000000037", New: first}},
			Changes:  []ChangedValue{{At: later, Field: "status", From: "ready", To: "active"}},
		},

		"CreateFeeInputBody": map[string]any{"method": transfer.SupportAssisted, "fee": map[string]any{"amount": "2.50", "currency": "EUR"}},
		"Fee":                price,
		"FeeList":            FeeList{Items: []Fee{price}},
		"ChargeTotals": ChargeTotals{
			Items:  []ChargeTotal{{Account: source, Name: new("Warehouse"), SIMs: 1, Total: fee}},
			Totals: []CurrencyTotal{{SIMs: 1, Total: fee}},
		},

		"PutGatewayInputBody":    map[string]any{"secret": "a long random text", "server": "10.0.0.1:3799", "require_message_authenticator": true, "description": "PGW 1"},
		"UpdateGatewayInputBody": map[string]any{"secret": "another long random text"},
		"Gateway":                gateway,
		"ListListedGateway": List[ListedGateway]{
			Items:      []ListedGateway{{Gateway: gateway, Waiting: &GatewayWaiting{SIMs: 12, Since: noon, Attempts: 2, Answer: new("gateway 10.0.0.1: no answer")}}},
			NextCursor: gateway.Name,
		},
		"ProbeGatewayInputBody": map[string]any{"nas_address": "10.0.0.1"},
		"Probe": Probe{
			Gateway: gateway.Name, NASAddress: "10.0.0.1", Outcome: transfer.ProbeAnswers, Meaning: transfer.ProbeAnswers.Meaning(),
			Detail: "answered in 3ms, with Message-Authenticator", ErrorCause: "503 session context not found", Signed: new(true),
			Address: "10.0.0.1:3799", Worker: "worker-1", From: "10.0.1.5", Sent: 1, TookMS: 3,
		},

		"CreateKeyInputBody": map[string]any{"role": "account", "account": source, "name": "warehouse"},
		"RotateKeyInputBody": map[string]any{"grace_seconds": 3600},
		"Key":                key,
		"CurrentKey":         CurrentKey{Key: key, Email: account.Email},
		"Me":                 exampleMe(account),
		"Person":             examplePerson(account),
		"Invitation":         exampleInvitation(account),
		"SignIn":             exampleSignIn(),
		"ListPerson":         List[Person]{Items: []Person{examplePerson(account)}, NextCursor: "12"},
		"ListInvitation":     List[Invitation]{Items: []Invitation{exampleInvitation(account)}, NextCursor: "3"},
		"ListSignIn":         List[SignIn]{Items: []SignIn{exampleSignIn()}, NextCursor: "34"},

		"UpdatePersonInputBody":     map[string]any{"name": "Jane Doe"},
		"PutMembershipInputBody":    map[string]any{"permission": storage.PermissionApprover},
		"CreateInvitationInputBody": map[string]any{"email": "jane@example.com", "name": "Jane Doe", "permission": storage.PermissionOperator},
		"ListKey":                   List[Key]{Items: []Key{key}},

		"ChangesPage": ChangesPage{Items: []Change{{
			Cursor: "512-8", At: noon, Kind: transfer.SIMTransferred, ICCID: first, IMSIs: []string{"001010000000001"}, MSISDNs: []string{"883120000000001"},
			ExternalID: new("meter-4711"), From: &ChangeOwner{Account: source, ExternalID: new("customer-17")}, To: ChangeOwner{Account: receiver}, Request: &request, Line: new(8),
			Settings: &Snapshot{Settings{Tags: map[string]string{}, EventHandlers: []string{}, Containers: []string{}}, new(plan.Name)},
		}}, NextCursor: "512-8"},

		"ListAuditEntry": List[AuditEntry]{Items: []AuditEntry{{
			At: noon, Action: transfer.AuditSIMUnlock, Actor: transfer.ActorKey, Role: new(storage.RoleAccount), Key: new(int64(7)), KeyName: new("warehouse"),
			KeyHint: new(key.Hint), KeyAccount: new(source), Address: new("192.0.2.1"), Account: new(source), Object: "sim", ObjectID: first,
			Before: map[string]any{"transfer_lock": true}, After: map[string]any{"transfer_lock": false},
		}}, NextCursor: "1769860800000000-4711"},

		"NewRequest":           NewRequest{Destination: destination{Email: "devices@example.net", OperatorID: string(receiver)}, Selection: Selection{SIMs: []string{first, second}}, Reference: "PO-4711", Message: "The meters that you ordered."},
		"AcceptInputBody":      map[string]any{"sims": []string{first}, "landing": Landing{Group: "field-devices", Tags: map[string]string{"origin": "warehouse"}, Plan: "iot-basic"}},
		"TakeBackInputBody":    map[string]any{},
		"ApproveManyInputBody": map[string]any{"filter": map[string]any{"account": source}, "expect_count": 2, "ticket": "CASE-1001"},
		"DenyManyInputBody":    map[string]any{"requests": []string{request.String()}, "reason": "contract ended"},
		"RequestDecisions": RequestDecisions{Chosen: 2, Decided: 1, Requests: []RequestDecision{
			{Request: request, Decided: true, State: transfer.AwaitingAcceptance},
			{Request: batch, State: transfer.RequestCompleted, Code: problem.RequestState, Detail: (&transfer.StateError{State: transfer.RequestCompleted, Event: transfer.Approve}).Error()},
		}},

		"ExtendInputBody":  map[string]any{"seconds": 172800},
		"DeclineInputBody": map[string]any{"sims": []string{first}, "code": transfer.Unexpected, "reason": "not ordered"},
		"CancelInputBody":  map[string]any{"sims": []string{first}, "code": transfer.WrongSIMs},
		"ApproveInputBody": map[string]any{"ticket": "CASE-1001", "fee": map[string]any{"amount": "0.00"}, "fee_reason": "goodwill"},
		"DenyInputBody":    map[string]any{"code": transfer.NotPermitted, "reason": "an invoice is open"},
		"RetryInputBody":   map[string]any{"reasons": []transfer.Reason{transfer.SessionNotDropped}},
		"Request":          asked,
		"ListRequest":      List[Request]{Items: []Request{listed}, NextCursor: request.String()},
		"ListTransfer":     List[Transfer]{Items: []Transfer{moved}, NextCursor: "1"},
		"ListEvent":        List[Event]{Items: []Event{event}, NextCursor: "4"},
		"Preview": Preview{
			Source: source, Destination: receiver, Selected: 2, Eligible: 1, Ineligible: 1,
			Totals:   []PreviewTotal{{Method: transfer.SelfService, SIMs: 1, Fees: transfer.Money{Currency: "EUR"}}},
			Reasons:  []ReasonCount{locked},
			Plans:    []PreviewedMove{{Plan: PreviewedPlan{Name: "global"}, LandsOn: PreviewedPlan{Name: "global"}, SIMs: 1}},
			Requests: 1,
			Settings: []MethodSettings{{Method: transfer.SelfService, Kept: []string{"containers"}, Lost: []string{"tags", "expiration", "group"}}},
			Items: []PreviewedSIM{
				{Line: 1, Identifier: first, ICCID: new(first), Status: new(transfer.Ready), Eligible: true, Method: new(transfer.SelfService), Fee: &transfer.Money{Currency: "EUR"}},
				{Line: 2, Identifier: second, Status: new(transfer.Active), Reason: new(transfer.SIMLocked), Remedy: transfer.SIMLocked.Remedy()},
			},
		},

		"SIMCount":            SIMCount{Count: 1000, More: true},
		"LookUpSIMsInputBody": map[string]any{"sims": []string{first, "8988211000000000011-8988211000000000099", "box 7"}},
		"SIMLookup": SIMLookup{
			Selected: 7, Items: []SIM{},
			Errors: []LookupError{{Line: 3, Value: "box 7", Code: "bad_value", Message: "\"box 7\" has no digits of an identifier"}},
		},
		"SIMSessions":              SIMSessions{Items: []SIMSession{{StartedAt: noon, LastNewsAt: &later, StoppedAt: &later, Cause: new("User-Request"), InOctets: 4096, OutOctets: 1024}}},
		"DropSIMSessionsInputBody": map[string]any{"reason": "the device has stopped sending"},
		"DroppedSessions":          DroppedSessions{Sessions: 1},
		"UnknownSessions": UnknownSessions{Total: 1, Items: []UnknownSession{{
			ID: "0a1b2c3d", Gateway: "10.0.0.1", Username: "internet", IMSI: "001010000099999", StartedAt: noon, LastNewsAt: later,
		}}},

		"CreatePullInputBody":  map[string]any{"iccids": []string{first}, "reference": "PO-4711", "message": "the meters that we bought with the building", "answer_seconds": 259200},
		"ApprovePullInputBody": map[string]any{"sims": []string{first}, "message": "as agreed"},
		"PullRequest":          pulled,
		"ListPullRequest":      List[PullRequest]{Items: []PullRequest{pulled}, NextCursor: pulled.ID.String()},
		"RefusePullInputBody":  map[string]any{},
		"CancelPullInputBody":  map[string]any{},
		"CreateCodeInputBody":  map[string]any{"sims": []string{first, second}, "reference": "PO-4711", "valid_seconds": 7200},
		"TransferCode":         code,
		"ListTransferCode":     List[TransferCode]{Items: []TransferCode{code}, NextCursor: code.ID.String()},
		"RedeemCodeInputBody":  map[string]any{"code": "8J3K-Q2ZV-7MXA-04RT-HW04"},
		"Redemption":           Redemption{Request: request, Reference: new("PO-4711"), RedeemedAt: later},

		"Mail":     mailed,
		"ListMail": List[Mail]{Items: []Mail{mailed}, NextCursor: itoa(mailed.ID)},
		"AccountMail": AccountMail{
			Sending: true,
			Refused: []RefusedMail{{Email: "desk@example.com", Since: noon, LastAt: noon, Code: new(550), Error: "550 5.1.1 no such mailbox", Remedy: refusedRemedy}},
			Off:     []MailChoice{{Email: "desk@example.com", Kind: transfer.MailKindReminder, Since: noon}}, Kinds: viewMailKinds(),
		},
		"ChooseMailInputBody": map[string]any{"email": "desk@example.com", "kind": "reminder", "off": true},

		"CreateWebhookInputBody":    map[string]any{"url": "https://example.com/simtransfer", "types": []transfer.MessageType{transfer.MessageAwaiting, transfer.MessageCompleted}},
		"UpdateWebhookInputBody":    map[string]any{"types": []transfer.MessageType{}},
		"RotateWebhookInputBody":    map[string]any{"overlap_seconds": 7200},
		"WebhookEndpoint":           endpoint,
		"ListWebhookEndpoint":       List[WebhookEndpoint]{Items: []WebhookEndpoint{endpoint}, NextCursor: endpoint.ID.String()},
		"WebhookDelivery":           delivery,
		"ListWebhookDelivery":       List[WebhookDelivery]{Items: []WebhookDelivery{delivery}, NextCursor: itoa(delivery.ID)},
		"ReplayDeliveriesInputBody": map[string]any{"since": noon, "until": later},
		"EnableWebhookInputBody":    map[string]any{},
		"TestWebhookInputBody":      map[string]any{},
		"ReplayDeliveryInputBody":   map[string]any{},
		"Replayed":                  Replayed{Replayed: 12},

		"AddCommentInputBody": map[string]any{"text": "Please waive the fee.", "visible_to": []transfer.Party{transfer.PartySupport}},
		"Comment":             comment,
		"ListComment":         List[Comment]{Items: []Comment{comment}},

		"CancelBatchInputBody": map[string]any{"code": transfer.Duplicate, "reason": "the file was uploaded twice"},
		"Batch":                upload,
		"ListBatch":            List[Batch]{Items: []Batch{upload}, NextCursor: batch.String()},
		"BatchCancel":          BatchCancel{Batch: batch, Canceled: 1, Requests: []RequestCancel{{Request: request, Canceled: true, State: transfer.RequestCanceled}}},

		"Feed": Feed{Items: []FeedEvent{{Cursor: "812-4", Request: request, Source: source, Destination: receiver, Event: event}}, NextCursor: "812-4"},

		"Health":      Health{"ok"},
		"ProblemKind": ProblemKind(problem.KindOf(problem.NotFound)),
	}
}

func exampleMe(a Account) Me {
	membership := Membership{Name: string(a.OperatorID), Role: storage.RoleAccount, Account: &a.OperatorID, AccountName: new("Example Ltd"), Email: a.Email, Permission: new(storage.PermissionOwner)}
	at := time.Date(2030, 1, 31, 13, 30, 0, 0, time.UTC)
	return Me{
		Person: &MyPerson{ID: 12, Email: "jane@example.com", Name: "Jane Doe"}, ActingFor: &membership, Memberships: []Membership{membership},
		SignIn: &CurrentSignIn{
			ID: 34, CreatedAt: at, ExpiresAt: at.Add(storage.SignInIdle), EndsAt: at.Add(storage.SignInPeriod),
			Fresh: true, FreshUntil: at.Add(storage.FreshPeriod),
		},
	}
}

func examplePerson(a Account) Person {
	at := time.Date(2030, 1, 31, 13, 30, 0, 0, time.UTC)
	return Person{
		ID: 12, Email: "jane@example.com", Name: "Jane Doe", CreatedAt: at, LastSeenAt: new(at.Add(time.Hour)),
		Memberships: []MembershipOf{{
			Name: string(a.OperatorID), Role: storage.RoleAccount, Account: &a.OperatorID, AccountName: new("Example Ltd"),
			Permission: new(storage.PermissionOperator), Key: 41, Since: at,
		}},
	}
}

func exampleInvitation(a Account) Invitation {
	at := time.Date(2030, 1, 31, 13, 30, 0, 0, time.UTC)
	return Invitation{
		ID: 3, State: storage.InvitationOpen, Email: "jane@example.com", Name: "Jane Doe", Role: storage.RoleAccount, Account: &a.OperatorID,
		Permission: new(storage.PermissionOperator), Mailed: true, CreatedAt: at, CreatedBy: new("Sam Lee"), ExpiresAt: at.Add(storage.InvitationPeriod),
	}
}

func exampleSignIn() SignIn {
	at := time.Date(2030, 1, 31, 13, 30, 0, 0, time.UTC)
	return SignIn{
		ID: 34, Current: true, Person: &PersonRef{ID: 12, Name: "Jane Doe", Email: "jane@example.com"}, CreatedAt: at, LastSeenAt: at.Add(time.Minute),
		ExpiresAt: at.Add(time.Minute + storage.SignInIdle), EndsAt: at.Add(storage.SignInPeriod), Address: new("192.0.2.7"), UserAgent: new("Mozilla/5.0"),
	}
}
