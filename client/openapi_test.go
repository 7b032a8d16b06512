package client_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/api"
	"simtransfer/api/problem"
	"simtransfer/client"
	"simtransfer/transfer"
)

// document is what the tests read of the OpenAPI document.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	ID         string `json:"operationId"`
	Parameters []struct {
		In   string `json:"in"`
		Name string `json:"name"`
	} `json:"parameters"`
	RequestBody struct {
		Content map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
}

type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"` // a text, or a list of texts
	Properties map[string]schema `json:"properties"`
	Items      *schema           `json:"items"`
}

// name is the name of the schema that s refers to, or "".
func (s schema) name() string { return strings.TrimPrefix(s.Ref, "#/components/schemas/") }

// kind is the JSON type of s, without null.
func (s schema) kind() string {
	switch t := s.Type.(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if one != "null" {
				return one.(string)
			}
		}
	}
	return ""
}

func openAPI(t *testing.T) document {
	t.Helper()
	text, err := api.OpenAPI("test")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// types maps the schemas of the document to the types of the client.
func types() map[string]reflect.Type {
	return map[string]reflect.Type{
		"LandingPlans":            reflect.TypeFor[client.LandingPlans](),
		"PlanMapping":             reflect.TypeFor[client.PlanMapping](),
		"PlanMappings":            reflect.TypeFor[client.PlanMappings](),
		"PreviewedPlan":           reflect.TypeFor[client.PreviewedPlan](),
		"PutPlanMappingInputBody": reflect.TypeFor[client.NewPlanMapping](),
		"Settings":                reflect.TypeFor[client.Settings](),
		"Snapshot":                reflect.TypeFor[client.Snapshot](),

		"CreateWebhookInputBody":    reflect.TypeFor[client.NewWebhookEndpoint](),
		"UpdateWebhookInputBody":    reflect.TypeFor[client.WebhookChange](),
		"RotateWebhookInputBody":    reflect.TypeFor[client.WebhookRotation](),
		"ReplayDeliveriesInputBody": reflect.TypeFor[client.WebhookReplay](),
		"Replayed":                  reflect.TypeFor[client.WebhookReplayed](),
		"WebhookEndpoint":           reflect.TypeFor[client.WebhookEndpoint](),
		"ListWebhookEndpoint":       reflect.TypeFor[client.Page[client.WebhookEndpoint]](),
		"WebhookDelivery":           reflect.TypeFor[client.WebhookDelivery](),
		"ListWebhookDelivery":       reflect.TypeFor[client.Page[client.WebhookDelivery]](),
		"RequestNews":               reflect.TypeFor[transfer.RequestNews](),
		"BatchNews":                 reflect.TypeFor[transfer.BatchNews](),
		"CallSession":               reflect.TypeFor[transfer.CallSession](),
		"ChangesNews":               reflect.TypeFor[transfer.ChangesNews](),
		"TestNews":                  reflect.TypeFor[transfer.TestNews](),
		"Mail":                      reflect.TypeFor[client.Mail](),
		"ListMail":                  reflect.TypeFor[client.Page[client.Mail]](),
		"AccountMail":               reflect.TypeFor[client.AccountMail](),
		"RefusedMail":               reflect.TypeFor[client.RefusedMail](),
		"MailChoice":                reflect.TypeFor[client.MailChoice](),
		"MailKind":                  reflect.TypeFor[client.MailKind](),
		"ChooseMailInputBody":       reflect.TypeFor[client.NewMailChoice](),

		"AcceptInputBody":        reflect.TypeFor[client.Acceptance](),
		"AcceptedOnBehalf":       reflect.TypeFor[client.AcceptedOnBehalf](),
		"MadeFrom":               reflect.TypeFor[client.MadeFrom](),
		"OnBehalf":               reflect.TypeFor[client.OnBehalf](),
		"AccountLine":            reflect.TypeFor[client.AccountLine](),
		"AccountsImport":         reflect.TypeFor[client.AccountsImport](),
		"AccountContacts":        reflect.TypeFor[client.AccountContacts](),
		"EmailUse":               reflect.TypeFor[client.EmailUse](),
		"EmailUses":              reflect.TypeFor[client.EmailUses](),
		"AccountName":            reflect.TypeFor[client.AccountName](),
		"Account":                reflect.TypeFor[client.Account](),
		"AuditEntry":             reflect.TypeFor[client.AuditEntry](),
		"ApproveInputBody":       reflect.TypeFor[client.Approval](),
		"Batch":                  reflect.TypeFor[client.Batch](),
		"BatchCancel":            reflect.TypeFor[client.BatchCancel](),
		"CancelInputBody":        reflect.TypeFor[client.Cancellation](),
		"ChargedFee":             reflect.TypeFor[client.ChargedFee](),
		"Change":                 reflect.TypeFor[client.Change](),
		"ChangeOwner":            reflect.TypeFor[client.ChangeOwner](),
		"ChangedIdentifiers":     reflect.TypeFor[client.ChangedIdentifiers](),
		"ChangedText":            reflect.TypeFor[client.ChangedText](),
		"ChangesPage":            reflect.TypeFor[client.ChangesPage](),
		"Counts":                 reflect.TypeFor[client.Counts](),
		"CreateAccountInputBody": reflect.TypeFor[client.NewAccount](),
		"CreateFeeInputBody":     reflect.TypeFor[client.NewFee](),
		"CreateKeyInputBody":     reflect.TypeFor[client.NewKey](),
		"CurrentKey":             reflect.TypeFor[client.CurrentKey](),
		"CurrentSignIn":          reflect.TypeFor[client.CurrentSignIn](),
		"Person":                 reflect.TypeFor[client.Person](),
		"PersonRef":              reflect.TypeFor[client.PersonRef](),
		"MembershipOf":           reflect.TypeFor[client.MembershipOf](),
		"UpdatePersonInputBody":  reflect.TypeFor[client.PersonChange](),
		"PutMembershipInputBody": reflect.TypeFor[client.Grant](),
		"Invitation":             reflect.TypeFor[client.Invitation](),

		"CreateInvitationInputBody": reflect.TypeFor[client.NewInvitation](),

		"Me":                       reflect.TypeFor[client.Me](),
		"Membership":               reflect.TypeFor[client.Membership](),
		"MyKey":                    reflect.TypeFor[client.MyKey](),
		"MyPerson":                 reflect.TypeFor[client.MyPerson](),
		"DeclineInputBody":         reflect.TypeFor[client.Decline](),
		"DenyInputBody":            reflect.TypeFor[client.Denial](),
		"ApproveManyInputBody":     reflect.TypeFor[client.ApprovalOfMany](),
		"DenyManyInputBody":        reflect.TypeFor[client.DenialOfMany](),
		"ReviewQueue":              reflect.TypeFor[client.ReviewQueue](),
		"RequestDecisions":         reflect.TypeFor[client.RequestDecisions](),
		"RequestDecision":          reflect.TypeFor[client.RequestDecision](),
		"Destination":              reflect.TypeFor[client.Destination](),
		"Event":                    reflect.TypeFor[client.Event](),
		"ExportedCharge":           reflect.TypeFor[client.ExportedCharge](),
		"ExportedRegistration":     reflect.TypeFor[client.ExportedRegistration](),
		"ExportedSIM":              reflect.TypeFor[client.ExportedSIM](),
		"ExportedTransfer":         reflect.TypeFor[client.ExportedTransfer](),
		"Fee":                      reflect.TypeFor[client.Fee](),
		"Feed":                     reflect.TypeFor[client.Feed](),
		"FeedEvent":                reflect.TypeFor[client.FeedEvent](),
		"Fees":                     reflect.TypeFor[client.Fees](),
		"FieldError":               reflect.TypeFor[problem.FieldError](),
		"Imported":                 reflect.TypeFor[client.Imported](),
		"Synced":                   reflect.TypeFor[client.Synced](),
		"Key":                      reflect.TypeFor[client.Key](),
		"ExtendInputBody":          reflect.TypeFor[client.Extension](),
		"TakeBack":                 reflect.TypeFor[client.TakeBack](),
		"Arrival":                  reflect.TypeFor[client.Arrival](),
		"MonthlyCost":              reflect.TypeFor[client.MonthlyCost](),
		"NextAction":               reflect.TypeFor[client.NextAction](),
		"Landing":                  reflect.TypeFor[client.Landing](),
		"LandingProfile":           reflect.TypeFor[client.LandingProfile](),
		"ListAccountName":          reflect.TypeFor[client.Page[client.AccountName]](),
		"ListAccount":              reflect.TypeFor[client.Page[client.Account]](),
		"ListAuditEntry":           reflect.TypeFor[client.Page[client.AuditEntry]](),
		"ListBatch":                reflect.TypeFor[client.Page[client.Batch]](),
		"ListEvent":                reflect.TypeFor[client.Page[client.Event]](),
		"FeeList":                  reflect.TypeFor[client.FeeSchedule](),
		"ChargeTotals":             reflect.TypeFor[client.ChargeTotals](),
		"ChargeTotal":              reflect.TypeFor[client.ChargeTotal](),
		"CurrencyTotal":            reflect.TypeFor[client.CurrencyTotal](),
		"ListSignIn":               reflect.TypeFor[client.Page[client.SignIn]](),
		"SignIn":                   reflect.TypeFor[client.SignIn](),
		"ListPerson":               reflect.TypeFor[client.Page[client.Person]](),
		"ListInvitation":           reflect.TypeFor[client.Page[client.Invitation]](),
		"ListKey":                  reflect.TypeFor[client.Page[client.Key]](),
		"Gateway":                  reflect.TypeFor[client.Gateway](),
		"ListListedGateway":        reflect.TypeFor[client.Page[client.ListedGateway]](),
		"ListedGateway":            reflect.TypeFor[client.ListedGateway](),
		"GatewayWaiting":           reflect.TypeFor[client.GatewayWaiting](),
		"Probe":                    reflect.TypeFor[client.Probe](),
		"ProbeGatewayInputBody":    reflect.TypeFor[client.ProbeTarget](),
		"PutGatewayInputBody":      reflect.TypeFor[client.GatewaySettings](),
		"UpdateGatewayInputBody":   reflect.TypeFor[client.GatewayChange](),
		"ListPlansOutputBody":      reflect.TypeFor[client.Plans](),
		"ListRequest":              reflect.TypeFor[client.Page[client.Request]](),
		"ListSIM":                  reflect.TypeFor[client.Page[client.SIM]](),
		"ListTransfer":             reflect.TypeFor[client.Page[client.Transfer]](),
		"MethodSettings":           reflect.TypeFor[client.MethodSettings](),
		"Money":                    reflect.TypeFor[transfer.Money](),
		"MoneyInput":               reflect.TypeFor[client.MoneyInput](),
		"NewRequest":               reflect.TypeFor[client.NewRequest](),
		"OpenTransfer":             reflect.TypeFor[client.OpenTransfer](),
		"OwnedSince":               reflect.TypeFor[client.OwnedSince](),
		"PastTransfer":             reflect.TypeFor[client.PastTransfer](),
		"ApprovePullInputBody":     reflect.TypeFor[client.PullApproval](),
		"CreateCodeInputBody":      reflect.TypeFor[client.NewTransferCode](),
		"CreatePullInputBody":      reflect.TypeFor[client.NewPullRequest](),
		"ListPullRequest":          reflect.TypeFor[client.Page[client.PullRequest]](),
		"ListTransferCode":         reflect.TypeFor[client.Page[client.TransferCode]](),
		"PullOwner":                reflect.TypeFor[client.PullOwner](),
		"PullRequest":              reflect.TypeFor[client.PullRequest](),
		"QRCode":                   reflect.TypeFor[client.QRCode](),
		"RedeemCodeInputBody":      reflect.TypeFor[client.RedeemCode](),
		"Redemption":               reflect.TypeFor[client.Redemption](),
		"TransferCode":             reflect.TypeFor[client.TransferCode](),
		"Plan":                     reflect.TypeFor[client.Plan](),
		"Preview":                  reflect.TypeFor[client.Preview](),
		"PreviewTotal":             reflect.TypeFor[client.PreviewTotal](),
		"PreviewedSIM":             reflect.TypeFor[client.PreviewedSIM](),
		"Problem":                  reflect.TypeFor[client.Problem](),
		"PutPlanInputBody":         reflect.TypeFor[client.PlanSettings](),
		"QuotedFee":                reflect.TypeFor[client.QuotedFee](),
		"ReasonCount":              reflect.TypeFor[client.ReasonCount](),
		"Request":                  reflect.TypeFor[client.Request](),
		"RequestCancel":            reflect.TypeFor[client.RequestCancel](),
		"Result":                   reflect.TypeFor[client.Result](),
		"RetryInputBody":           reflect.TypeFor[client.Retry](),
		"RotateKeyInputBody":       reflect.TypeFor[client.Rotation](),
		"SIMIdentifiers":           reflect.TypeFor[client.SIMIdentifiers](),
		"SIM":                      reflect.TypeFor[client.SIM](),
		"SIMHistory":               reflect.TypeFor[client.SIMHistory](),
		"Session":                  reflect.TypeFor[client.Session](),
		"Transfer":                 reflect.TypeFor[client.Transfer](),
		"UpdateAccountInputBody":   reflect.TypeFor[client.AccountChange](),
		"CorrectStatusInputBody":   reflect.TypeFor[client.StatusCorrection](),
		"UpdateSIMInputBody":       reflect.TypeFor[client.SIMChange](),
		"PutIdentifierInputBody":   reflect.TypeFor[client.PutIdentifier](),
		"SwapSIMInputBody":         reflect.TypeFor[client.Swap](),
		"SwappedSIMs":              reflect.TypeFor[client.SwappedSIMs](),
		"RetireSIMInputBody":       reflect.TypeFor[client.Retirement](),
		"CorrectOwnerInputBody":    reflect.TypeFor[client.OwnerCorrection](),
		"ChangeSIMsInputBody":      reflect.TypeFor[client.NewBulkChange](),
		"SIMSelection":             reflect.TypeFor[client.SIMSelection](),
		"SIMConditions":            reflect.TypeFor[client.SIMConditions](),
		"Blocked":                  reflect.TypeFor[client.Blocked](),
		"SIMCount":                 reflect.TypeFor[client.SIMCount](),
		"LookUpSIMsInputBody":      reflect.TypeFor[client.NewLookup](),
		"SIMLookup":                reflect.TypeFor[client.SIMLookup](),
		"LookupError":              reflect.TypeFor[client.LookupError](),
		"SIMSessions":              reflect.TypeFor[client.SIMSessions](),
		"SIMSession":               reflect.TypeFor[client.SIMSession](),
		"DropSIMSessionsInputBody": reflect.TypeFor[client.SessionDrop](),
		"DroppedSessions":          reflect.TypeFor[client.DroppedSessions](),
		"UnknownSessions":          reflect.TypeFor[client.UnknownSessions](),
		"UnknownSession":           reflect.TypeFor[client.UnknownSession](),
		"PreviewedMove":            reflect.TypeFor[client.PreviewedMove](),
		"BulkSettings":             reflect.TypeFor[client.BulkSettings](),
		"BulkChange":               reflect.TypeFor[client.BulkChange](),
		"BulkRefusal":              reflect.TypeFor[client.BulkRefusal](),
		"AddCommentInputBody":      reflect.TypeFor[client.NewComment](),
		"CancelBatchInputBody":     reflect.TypeFor[client.BatchCancellation](),
		"Comment":                  reflect.TypeFor[client.Comment](),
		"ListComment":              reflect.TypeFor[client.Page[client.Comment]](),
		"DecisionWords":            reflect.TypeFor[client.DecisionWords](),
		"FormerIdentifier":         reflect.TypeFor[client.FormerIdentifier](),
		"PastSwap":                 reflect.TypeFor[client.PastSwap](),
		"ChangedValue":             reflect.TypeFor[client.ChangedValue](),
	}
}

// schemasWithoutType lists the schemas that the client does not need.
func schemasWithoutType() []string {
	return []string{
		"TakeBackInputBody" /* always empty */, "CancelPullInputBody", "RefusePullInputBody", "EnableWebhookInputBody", "TestWebhookInputBody", "ReplayDeliveryInputBody", "Health", "ProblemKind",
		"AcceptDetail", "AskedSelection", "ApproveDetail", "CommentDetail", "CreateDetail", "EndDetail", "ExtendDetail", "FinishDetail", "NoDetail", "RemindDetail", "RetryDetail", "TakeBackDetail", "ValidationDetail", "WorkDetail", // in Event.Detail, a map
	}
}

// TestTypesMatchTheDocument compares every schema of the OpenAPI document with
// the client's type: the fields, their JSON types, and the types that they
// refer to.
func TestTypesMatchTheDocument(t *testing.T) {
	t.Parallel()
	schemas := openAPI(t).Components.Schemas
	if want, got := slices.Sorted(maps.Keys(schemas)), slices.Sorted(maps.Keys(types())); !slices.Equal(want, slices.Sorted(slices.Values(append(got, schemasWithoutType()...)))) {
		t.Errorf("the document has the schemas\n%q\nbut the types are of\n%q", want, got)
	}
	for name, goType := range types() {
		fields := jsonFields(goType)
		if want, got := slices.Sorted(maps.Keys(schemas[name].Properties)), slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
			t.Errorf("%v has the fields\n%q\nnot those of the schema %s\n%q", goType, got, name, want)
			continue
		}
		for field, property := range schemas[name].Properties {
			compare(t, name+"."+field, property, fields[field])
		}
	}
}

// jsonFields returns the types of the fields of a struct by their JSON names.
// It follows embedded structs as encoding/json does.
func jsonFields(goType reflect.Type) map[string]reflect.Type {
	if goType == reflect.TypeFor[transfer.Money]() { // writes its own JSON: see package transfer
		return map[string]reflect.Type{"amount": reflect.TypeFor[string](), "minor": reflect.TypeFor[int64](), "currency": reflect.TypeFor[transfer.Currency]()}
	}
	fields := map[string]reflect.Type{}
	for f := range goType.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			maps.Copy(fields, jsonFields(f.Type))
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
	return fields
}

// compare checks that a Go type holds what a schema describes.
func compare(t *testing.T, where string, s schema, goType reflect.Type) {
	t.Helper()
	if goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	if name := s.name(); name != "" {
		if want := types()[name]; goType != want {
			t.Errorf("%s is a %v, not a %v", where, goType, want)
		}
		return
	}
	if got := jsonKind(goType); got != s.kind() {
		t.Errorf("%s is a %v (%s), but the document has %s", where, goType, got, s.kind())
		return
	}
	if s.Items != nil {
		compare(t, where+"[]", *s.Items, goType.Elem())
	}
}

// jsonKind is the JSON type that a Go type is encoded as.
func jsonKind(goType reflect.Type) string {
	switch goType {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[client.OptionalTime](), reflect.TypeFor[uuid.UUID](), reflect.TypeFor[[]byte]():
		return "string"
	}
	switch goType.Kind() { //nolint:exhaustive // the types of JSON only
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Slice:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	}
	return goType.Kind().String()
}

// operations calls every operation that the client has, with every parameter.
func operations() map[string]func(context.Context, *client.Client) error {
	var (
		id      = uuid.MustParse("0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21")
		account = transfer.AccountRef("OP0000000001")
		at      = time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
		yes     = true
		paging  = client.Paging{Limit: 3, Cursor: "cursor"}
		sims    = client.TransferFilter{States: []transfer.State{transfer.Failed}, Reasons: []transfer.Reason{transfer.SIMLocked}, Methods: []transfer.Method{transfer.SelfService}, Codes: []transfer.DecisionCode{transfer.Price}}
	)
	read := func(r io.ReadCloser, err error) error {
		if err == nil {
			err = r.Close()
		}
		return err
	}
	return map[string]func(context.Context, *client.Client) error{
		"health": func(ctx context.Context, c *client.Client) error { return c.Healthy(ctx) },
		"ready":  func(ctx context.Context, c *client.Client) error { return c.Ready(ctx) },

		"create-account": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateAccount(ctx, client.NewAccount{OperatorID: "OP0000000001"})
			return err
		},
		"import-accounts": func(ctx context.Context, c *client.Client) error {
			_, err := c.ImportAccounts(ctx, client.CSV, strings.NewReader("x"), true, client.MapColumns("x=name"))
			return err
		},
		"list-accounts": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListAccounts(ctx, client.AccountFilter{Email: "a@example.com", Search: "a", Standing: "open"}, paging)
			return err
		},
		"find-email": func(ctx context.Context, c *client.Client) error {
			_, err := c.FindEmail(ctx, "a@example.com")
			return err
		},
		"list-account-names": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListAccountNames(ctx, []transfer.OperatorID{"OP0000000001", "OP0000000002"})
			return err
		},
		"get-account": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetAccount(ctx, account)
			return err
		},
		"update-account": func(ctx context.Context, c *client.Client) error {
			_, err := c.UpdateAccount(ctx, account, client.AccountChange{})
			return err
		},
		"list-plans": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListPlans(ctx)
			return err
		},
		"get-plan": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetPlan(ctx, "global")
			return err
		},
		"list-plan-mappings": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListPlanMappings(ctx, account)
			return err
		},
		"put-plan-mapping": func(ctx context.Context, c *client.Client) error {
			_, err := c.PutPlanMapping(ctx, account, account, client.NewPlanMapping{})
			return err
		},
		"delete-plan-mapping": func(ctx context.Context, c *client.Client) error {
			return c.DeletePlanMapping(ctx, account, account)
		},
		"put-plan": func(ctx context.Context, c *client.Client) error {
			_, err := c.PutPlan(ctx, "global", client.PlanSettings{})
			return err
		},
		"list-gateways": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListGateways(ctx, paging)
			return err
		},
		"get-gateway": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetGateway(ctx, "10.0.0.1")
			return err
		},
		"put-gateway": func(ctx context.Context, c *client.Client) error {
			_, err := c.PutGateway(ctx, "10.0.0.1", client.GatewaySettings{Secret: "s"})
			return err
		},
		"update-gateway": func(ctx context.Context, c *client.Client) error {
			_, err := c.UpdateGateway(ctx, "10.0.0.1", client.GatewayChange{Secret: "s"})
			return err
		},
		"delete-gateway": func(ctx context.Context, c *client.Client) error {
			return c.DeleteGateway(ctx, "10.0.0.1", true)
		},
		"probe-gateway": func(ctx context.Context, c *client.Client) error {
			_, err := c.ProbeGateway(ctx, "10.0.0.1", client.ProbeTarget{})
			return err
		},
		"import-sims": func(ctx context.Context, c *client.Client) error {
			_, err := c.ImportSIMs(ctx, client.CSV, strings.NewReader("iccid\n"), client.MapColumns("ICC ID=iccid"))
			return err
		},
		"sync-sims": func(ctx context.Context, c *client.Client) error {
			all := client.SyncOptions{DryRun: true, Full: true, Account: account, RetireMissing: true, MaxRetireShare: 0.01, IncludeUnchanged: true, ExpectChanges: new(1)}
			_, err := c.SyncSIMs(ctx, client.CSV, strings.NewReader("iccid\n"), all, client.MapColumns("ICC ID=iccid", "Notes="))
			return err
		},
		"count-sims": func(ctx context.Context, c *client.Client) error {
			_, err := c.CountSIMs(ctx, client.SIMFilter{
				Account: account, SIMConditions: client.SIMConditions{
					Status: []transfer.Status{transfer.Ready}, Plan: []string{"global"}, Group: []string{"field"}, Tag: []string{"site"},
					IdentifierPrefix: []string{"898821"}, IdentifierSuffix: []string{"898821"}, ICCIDRange: []string{"1-2"}, Lot: []string{"box-7"}, EID: []string{"1"}, ExternalID: []string{"1"}, TransferLock: "on",
				},
			}, 1000)
			return err
		},
		"look-up-sims": func(ctx context.Context, c *client.Client) error {
			_, err := c.LookUpSIMs(ctx, client.NewLookup{SIMs: []string{"1"}})
			return err
		},
		"list-sim-sessions": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListSIMSessions(ctx, "1")
			return err
		},
		"drop-sim-sessions": func(ctx context.Context, c *client.Client) error {
			_, err := c.DropSIMSessions(ctx, "1", client.SessionDrop{Reason: "x"})
			return err
		},
		"list-unknown-sessions": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListUnknownSessions(ctx, client.Paging{Limit: 1, Cursor: "1"})
			return err
		},
		"list-sims": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListSIMs(ctx, client.SIMFilter{
				Account: account, SIMConditions: client.SIMConditions{
					Status: []transfer.Status{transfer.Ready}, Plan: []string{"global"}, Group: []string{"field"}, Tag: []string{"site"},
					IdentifierPrefix: []string{"898821"}, IdentifierSuffix: []string{"898821"}, ICCIDRange: []string{"1-2"}, Lot: []string{"box-7"}, EID: []string{"1"}, ExternalID: []string{"1"}, TransferLock: "on",
				},
			}, paging)
			return err
		},
		"get-sim": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetSIM(ctx, "+12025550101")
			return err
		},
		"update-sim": func(ctx context.Context, c *client.Client) error {
			_, err := c.UpdateSIM(ctx, "+12025550101", client.SIMChange{TransferLock: &yes})
			return err
		},
		"correct-sim-status": func(ctx context.Context, c *client.Client) error {
			_, err := c.CorrectSIMStatus(ctx, "+12025550101", client.StatusCorrection{})
			return err
		},
		"get-sim-history": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetSIMHistory(ctx, "+12025550101", at)
			return err
		},
		"put-sim-identifier": func(ctx context.Context, c *client.Client) error {
			_, err := c.PutSIMIdentifier(ctx, "+12025550101", "+12025550102", client.PutIdentifier{})
			return err
		},
		"remove-sim-identifier": func(ctx context.Context, c *client.Client) error {
			return c.RemoveSIMIdentifier(ctx, "+12025550101", "+12025550102")
		},
		"swap-sim": func(ctx context.Context, c *client.Client) error {
			_, err := c.SwapSIM(ctx, "+12025550101", client.Swap{})
			return err
		},
		"retire-sim": func(ctx context.Context, c *client.Client) error {
			_, err := c.RetireSIM(ctx, "+12025550101", client.Retirement{})
			return err
		},
		"correct-sim-owner": func(ctx context.Context, c *client.Client) error {
			_, err := c.CorrectSIMOwner(ctx, "+12025550101", client.OwnerCorrection{})
			return err
		},
		"change-sims": func(ctx context.Context, c *client.Client) error {
			_, err := c.ChangeSIMs(ctx, client.NewBulkChange{})
			return err
		},
		"create-fee": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateFee(ctx, client.NewFee{})
			return err
		},
		"list-changes": func(ctx context.Context, c *client.Client) error {
			f := client.ChangesFilter{Kinds: []transfer.ChangeKind{transfer.SIMTransferred}, Account: account}
			_, err := c.ListChanges(ctx, f, client.ChangesFrom{Cursor: "1-0", Now: true, Since: at}, 1)
			return err
		},
		"stream-changes": func(ctx context.Context, c *client.Client) error {
			f := client.ChangesFilter{Kinds: []transfer.ChangeKind{transfer.SIMTransferred}, Account: account}
			for _, err := range c.StreamChanges(ctx, f, client.ChangesFrom{Cursor: "1-0", Now: true, Since: at}) {
				return err
			}
			return nil
		},
		"list-audit": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListAudit(ctx, client.AuditFilter{
				Account: account, SIM: "+12025550101", Key: 7, Person: 7, Actions: []transfer.AuditAction{transfer.AuditSIMUnlock, transfer.AuditKeyCreate},
				CreatedAfter: at, CreatedBefore: at,
			}, paging)
			return err
		},
		"export-sims": func(ctx context.Context, c *client.Client) error {
			return read(c.ExportSIMs(ctx, client.SIMExport{
				UpdatedSince: at, SIMFilter: client.SIMFilter{Account: account, SIMConditions: client.SIMConditions{
					Status: []transfer.Status{transfer.Ready}, Plan: []string{"global"}, Group: []string{"field"}, Tag: []string{"site"},
					IdentifierPrefix: []string{"898821"}, IdentifierSuffix: []string{"898821"}, ICCIDRange: []string{"1-2"}, Lot: []string{"box-7"}, EID: []string{"1"}, ExternalID: []string{"1"}, TransferLock: "on",
				}},
			}, client.NDJSON))
		},
		"export-registrations": func(ctx context.Context, c *client.Client) error {
			return read(c.ExportRegistrations(ctx, account, client.Period{From: at, To: at}, client.NDJSON))
		},
		"export-transfers": func(ctx context.Context, c *client.Client) error {
			return read(c.ExportTransfers(ctx, client.TransferExport{
				Reference: "r", Codes: []transfer.DecisionCode{transfer.Price},
				Finished: client.Period{From: at, To: at}, Account: account, Direction: "both", Destination: account,
				States: []transfer.State{transfer.Failed}, Ticket: "CASE-1",
			}, client.NDJSON))
		},
		"export-charges": func(ctx context.Context, c *client.Client) error {
			return read(c.ExportCharges(ctx, client.ChargeExport{Charged: client.Period{From: at, To: at}, Account: account, Currency: "EUR"}, client.NDJSON))
		},
		"list-charge-totals": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListChargeTotals(ctx, client.ChargeExport{Charged: client.Period{From: at, To: at}, Account: account, Currency: "EUR"}, paging)
			return err
		},
		"withdraw-fee": func(ctx context.Context, c *client.Client) error {
			return c.WithdrawFee(ctx, client.FeeKey{Account: account, Method: transfer.SupportAssisted, Currency: "EUR", ValidFrom: time.Unix(0, 0)})
		},
		"list-fees": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListFees(ctx, client.FeeFilter{Account: account})
			return err
		},
		"list-sign-ins": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListSignIns(ctx, client.SignInFilter{All: true, Person: 7}, paging)
			return err
		},
		"end-sign-in":        func(ctx context.Context, c *client.Client) error { return c.EndSignIn(ctx, 7) },
		"end-other-sign-ins": func(ctx context.Context, c *client.Client) error { return c.EndOtherSignIns(ctx) },
		"list-people": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListPeople(ctx, client.PersonFilter{Account: "staff", Text: "x", Disabled: &yes}, paging)
			return err
		},
		"get-person": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetPerson(ctx, 7)
			return err
		},
		"update-person": func(ctx context.Context, c *client.Client) error {
			_, err := c.UpdatePerson(ctx, 7, client.PersonChange{Disabled: &yes})
			return err
		},
		"put-membership": func(ctx context.Context, c *client.Client) error {
			_, err := c.PutMembership(ctx, 7, "staff", client.Grant{Role: "support"})
			return err
		},
		"delete-membership": func(ctx context.Context, c *client.Client) error { return c.DeleteMembership(ctx, 7, "staff") },
		"create-invitation": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateInvitation(ctx, client.NewInvitation{Email: "a@example.com", Name: "A", Role: "support"})
			return err
		},
		"list-invitations": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListInvitations(ctx, client.InvitationFilter{Account: "staff", State: "open"}, paging)
			return err
		},
		"get-invitation": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetInvitation(ctx, 7)
			return err
		},
		"revoke-invitation": func(ctx context.Context, c *client.Client) error { return c.RevokeInvitation(ctx, 7) },
		"get-me": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetMe(ctx)
			return err
		},
		"get-current-key": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetCurrentKey(ctx)
			return err
		},
		"create-key": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateKey(ctx, client.NewKey{})
			return err
		},
		"get-key": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetKey(ctx, 7)
			return err
		},
		"list-keys": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListKeys(ctx, client.KeyFilter{Role: "account", Account: account, Revoked: &yes}, paging)
			return err
		},
		"rotate-key": func(ctx context.Context, c *client.Client) error {
			_, err := c.RotateKey(ctx, 7, client.Rotation{})
			return err
		},
		"revoke-key": func(ctx context.Context, c *client.Client) error { return c.RevokeKey(ctx, 7) },
		"create-batch-from-selection": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateBatchFromSelection(ctx, client.NewRequest{})
			return err
		},
		"create-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateRequest(ctx, client.NewRequest{})
			return err
		},
		"preview-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.PreviewRequest(ctx, client.NewRequest{}, client.PreviewedItems("none"))
			return err
		},
		"list-requests": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListRequests(ctx, client.RequestFilter{
				By:   "warehouse",
				Sort: "deadline", Direction: "both", Account: account, States: []transfer.RequestState{transfer.InReview}, Batch: id.String(), Ticket: "CASE-1", SIM: "898821",
				Reasons: []transfer.Reason{transfer.SIMLocked}, Methods: []transfer.Method{transfer.SelfService}, Reference: "r", Codes: []transfer.DecisionCode{transfer.Duplicate}, CreatedAfter: at, CreatedBefore: at,
			}, paging)
			return err
		},
		"get-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetRequest(ctx, id)
			return err
		},
		"list-transfers": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListTransfers(ctx, id, sims, paging)
			return err
		},
		"list-events": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListEvents(ctx, id, paging)
			return err
		},
		"get-request-results": func(ctx context.Context, c *client.Client) error {
			return read(c.RequestResults(ctx, id, sims, client.NDJSON))
		},
		"stream-request": func(ctx context.Context, c *client.Client) error {
			for _, err := range c.StreamRequest(ctx, id, "3") {
				return err
			}
			return nil
		},
		"accept-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.AcceptRequest(ctx, id, client.Acceptance{})
			return err
		},
		"decline-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.DeclineRequest(ctx, id, client.Decline{})
			return err
		},
		"cancel-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.CancelRequest(ctx, id, client.Cancellation{})
			return err
		},
		"extend-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.ExtendRequest(ctx, id, client.Extension{Seconds: 60})
			return err
		},
		"take-back-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.TakeBackRequest(ctx, id)
			return err
		},
		"approve-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.ApproveRequest(ctx, id, client.Approval{})
			return err
		},
		"approve-requests": func(ctx context.Context, c *client.Client) error {
			_, err := c.ApproveRequests(ctx, client.ApprovalOfMany{})
			return err
		},
		"deny-requests": func(ctx context.Context, c *client.Client) error {
			_, err := c.DenyRequests(ctx, client.DenialOfMany{})
			return err
		},
		"deny-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.DenyRequest(ctx, id, client.Denial{})
			return err
		},
		"retry-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.RetryRequest(ctx, id, client.Retry{})
			return err
		},
		"create-batch": func(ctx context.Context, c *client.Client) error {
			terms := client.BatchTerms{SelfServiceOnly: true, AcceptanceSeconds: 60, OnBehalfOf: account, Reference: "r", UniqueReference: true, Message: "m"}
			_, err := c.CreateBatch(ctx, client.CSV, strings.NewReader("sim\n"), terms, client.MapColumns("ICC ID=sim"))
			return err
		},
		"list-batches": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListBatches(ctx, client.BatchFilter{Account: account, Reference: "r", Finished: &yes, CreatedAfter: at, CreatedBefore: at}, paging)
			return err
		},
		"create-pull-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreatePullRequest(ctx, client.NewPullRequest{})
			return err
		},
		"list-pull-requests": func(ctx context.Context, c *client.Client) error {
			f := client.PullFilter{Direction: "incoming", States: []transfer.PullState{transfer.PullOpen}, Account: account}
			_, err := c.ListPullRequests(ctx, f, paging)
			return err
		},
		"get-pull-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetPullRequest(ctx, id)
			return err
		},
		"approve-pull-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.ApprovePullRequest(ctx, id, client.PullApproval{})
			return err
		},
		"refuse-pull-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.RefusePullRequest(ctx, id)
			return err
		},
		"cancel-pull-request": func(ctx context.Context, c *client.Client) error {
			_, err := c.CancelPullRequest(ctx, id)
			return err
		},
		"create-webhook-endpoint": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateWebhookEndpoint(ctx, client.NewWebhookEndpoint{URL: "https://example.com", Description: "x", Types: []transfer.MessageType{transfer.MessageCompleted}, Account: account})
			return err
		},
		"list-webhook-endpoints": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListWebhookEndpoints(ctx, client.WebhookFilter{Account: account, Staff: true}, paging)
			return err
		},
		"get-webhook-endpoint": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetWebhookEndpoint(ctx, id)
			return err
		},
		"update-webhook-endpoint": func(ctx context.Context, c *client.Client) error {
			_, err := c.UpdateWebhookEndpoint(ctx, id, client.WebhookChange{URL: "https://example.com", Description: new(client.RemovableText), Types: &[]transfer.MessageType{}, State: "disabled"})
			return err
		},
		"delete-webhook-endpoint": func(ctx context.Context, c *client.Client) error { return c.DeleteWebhookEndpoint(ctx, id) },
		"rotate-webhook-secret": func(ctx context.Context, c *client.Client) error {
			_, err := c.RotateWebhookSecret(ctx, id, client.WebhookRotation{OverlapSeconds: new(int64)})
			return err
		},
		"enable-webhook-endpoint": func(ctx context.Context, c *client.Client) error {
			_, err := c.EnableWebhookEndpoint(ctx, id)
			return err
		},
		"test-webhook-endpoint": func(ctx context.Context, c *client.Client) error {
			_, err := c.TestWebhookEndpoint(ctx, id)
			return err
		},
		"list-mails": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListMails(ctx, client.MailFilter{Account: "OP0000000001", Email: "a@example.com", Request: id, States: transfer.MailStates(), Kinds: transfer.MailKinds()}, paging)
			return err
		},
		"get-account-mail": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetAccountMail(ctx, "OP0000000001")
			return err
		},
		"choose-account-mail": func(ctx context.Context, c *client.Client) error {
			_, err := c.ChooseMail(ctx, "OP0000000001", client.NewMailChoice{Email: "a@example.com", Kind: transfer.MailKindAsked})
			return err
		},
		"list-webhook-deliveries": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListWebhookDeliveries(ctx, id, client.DeliveryFilter{States: transfer.DeliveryStates(), Types: transfer.MessageTypes(), Message: "1-2"}, paging)
			return err
		},
		"get-webhook-delivery": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetWebhookDelivery(ctx, id, 7)
			return err
		},
		"replay-webhook-delivery": func(ctx context.Context, c *client.Client) error {
			_, err := c.ReplayWebhookDelivery(ctx, id, 7)
			return err
		},
		"replay-webhook-deliveries": func(ctx context.Context, c *client.Client) error {
			_, err := c.ReplayWebhookDeliveries(ctx, id, client.WebhookReplay{State: transfer.DeliveryStates(), Since: new(time.Time), Until: new(time.Time)})
			return err
		},
		"create-transfer-code": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateTransferCode(ctx, client.NewTransferCode{})
			return err
		},
		"list-transfer-codes": func(ctx context.Context, c *client.Client) error {
			f := client.CodeFilter{States: []transfer.CodeState{transfer.CodeOpen}, Reference: "PO-1", Account: account}
			_, err := c.ListTransferCodes(ctx, f, paging)
			return err
		},
		"get-transfer-code": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetTransferCode(ctx, id)
			return err
		},
		"revoke-transfer-code": func(ctx context.Context, c *client.Client) error { return c.RevokeTransferCode(ctx, id) },
		"redeem-transfer-code": func(ctx context.Context, c *client.Client) error {
			_, err := c.RedeemTransferCode(ctx, client.RedeemCode{Code: "x"})
			return err
		},
		"get-batch": func(ctx context.Context, c *client.Client) error {
			_, err := c.GetBatch(ctx, id)
			return err
		},
		"add-comment": func(ctx context.Context, c *client.Client) error {
			_, err := c.AddComment(ctx, id, client.NewComment{Text: "x", VisibleTo: []transfer.Party{transfer.PartySupport}})
			return err
		},
		"list-comments": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListComments(ctx, id, client.Paging{Limit: 1, Cursor: "1"})
			return err
		},
		"cancel-batch": func(ctx context.Context, c *client.Client) error {
			_, err := c.CancelBatch(ctx, id, client.BatchCancellation{Code: transfer.Duplicate, Reason: "x"})
			return err
		},
		"get-batch-results": func(ctx context.Context, c *client.Client) error {
			return read(c.BatchResults(ctx, id, sims, client.NDJSON))
		},
		"stream-batch": func(ctx context.Context, c *client.Client) error {
			for _, err := range c.StreamBatch(ctx, id, "3-4") {
				return err
			}
			return nil
		},
		"list-feed": func(ctx context.Context, c *client.Client) error {
			_, err := c.ListFeed(ctx, client.FeedFilter{Account: account, Key: 7, Now: true, Since: at}, paging)
			return err
		},
	}
}

// operationsWithoutMethod lists the operations that the client does not need.
func operationsWithoutMethod() []string {
	return []string{"get-batch-template", "get-problem-kind", "get-sims-template", "get-accounts-template"}
}

// TestMethodsMatchTheDocument calls every operation and compares the method,
// the path, the parameters and the media type with those of the document.
func TestMethodsMatchTheDocument(t *testing.T) {
	t.Parallel()
	left := operations()
	for template, methods := range openAPI(t).Paths {
		for method, o := range methods {
			call, ok := left[o.ID]
			delete(left, o.ID)
			if !ok {
				if !slices.Contains(operationsWithoutMethod(), o.ID) {
					t.Errorf("the client has no method for %s", o.ID)
				}
				continue
			}
			t.Run(o.ID, func(t *testing.T) {
				t.Parallel()
				checkCall(t, call, strings.ToUpper(method), template, o)
			})
		}
	}
	if len(left) > 0 {
		t.Errorf("the document has none of %q", slices.Sorted(maps.Keys(left)))
	}
}

func checkCall(t *testing.T, call func(context.Context, *client.Client) error, method, template string, o operation) {
	t.Helper()
	var sent *http.Request
	c := &client.Client{
		URL:      "http://service.example",
		Attempts: 2,
		HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			sent = r
			header := http.Header{}
			header.Set("Simtransfer-Version", "test")
			header.Set("Simtransfer-Rows", "0")
			header.Set("Content-Type", r.Header.Get("Accept"))
			return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader("{}"))}, nil
		})},
	}
	if err := call(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile(`^` + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`) + `$`)
	if sent.Method != method || !path.MatchString(sent.URL.Path) {
		t.Errorf("it calls %s %s, not %s %s", sent.Method, sent.URL.Path, method, template)
	}
	var query, headers []string
	for _, p := range o.Parameters {
		switch p.In {
		case "query":
			query = append(query, p.Name)
		case "header":
			headers = append(headers, p.Name)
		}
	}
	slices.Sort(query)
	if got := slices.Sorted(maps.Keys(url.Values(sent.URL.Query()))); !slices.Equal(got, query) {
		t.Errorf("its query has %q, not %q", got, query)
	}
	for _, name := range []string{"Idempotency-Key", "Last-Event-ID"} {
		if given, documented := sent.Header.Get(name) != "", slices.Contains(headers, name); given != documented {
			t.Errorf("the header %s: sent %t, documented %t", name, given, documented)
		}
	}
	if contentType := sent.Header.Get("Content-Type"); contentType != "" {
		if _, ok := o.RequestBody.Content[contentType]; !ok {
			t.Errorf("it sends %s, which the document does not have", contentType)
		}
	}
}

// roundTripper is an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
