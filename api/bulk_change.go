package api

import (
	"context"
	"fmt"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// SIMSelection selects the SIMs of a bulk change.
type SIMSelection struct {
	Account string `json:"account,omitempty" maxLength:"132" doc:"The operator id or external id of the account that owns the SIMs. For support; an account's key changes SIMs of its account."`
	SIMConditions
}

// bulkSettings is what a bulk change sets.
type bulkSettings struct {
	Status       *transfer.Status          `json:"status,omitempty" doc:"The new status. For support. The same rules apply as for one SIM."`
	Plan         *string                   `json:"plan,omitempty" minLength:"1" maxLength:"64" doc:"The name of an existing plan. For support."`
	TransferLock *bool                     `json:"transfer_lock,omitempty" doc:"Prevents transfers of the SIMs. For their owner."`
	Protection   *bool                     `json:"termination_protection,omitempty" doc:"Prevents the SIMs from being terminated. For their owner."`
	Tags         patch[map[string]*string] `json:"tags,omitempty" doc:"Sets the tags that are named and keeps the others; null as the value of a tag removes it, and null instead of the object removes all. For the owner of the SIMs."`
	Group        patch[string]             `json:"group,omitempty" maxLength:"128" doc:"The group of the SIMs; null or an empty string removes them from their group. For the owner of the SIMs."`
}

type changeSIMsInput struct {
	Idempotent
	Body struct {
		Filter      *SIMSelection `json:"filter,omitempty" doc:"Selects the SIMs, up to 1,000,000. An empty object selects all SIMs of the account."`
		SIMs        []string      `json:"sims,omitempty" nullable:"false" maxItems:"100000" doc:"The SIMs, instead of a filter: an ICCID, IMSI or MSISDN of each, EIDs, or ranges of ICCIDs such as 8988211000000000011-8988211000000000099."`
		Change      bulkSettings  `json:"change" doc:"What is set. Fields that are left out keep their values."`
		ExpectCount *int          `json:"expect_count,omitempty" minimum:"0" doc:"The number of SIMs that you expect to be selected. Required with a filter, except for a dry run, which says how many there are. If it is another number, nothing is changed, and the response is 409 with the code sim_count."`
		DryRun      bool          `json:"dry_run,omitempty" doc:"Counts what would happen, and changes nothing."`
		SkipRefused bool          `json:"skip_refused,omitempty" doc:"Changes the other SIMs if the rules refuse some. Otherwise nothing is changed then, and the response is 409 with the code sims_refused."`
		Reason      string        `json:"reason,omitempty" maxLength:"500" doc:"Why the SIMs are changed. Recorded in the audit trail."`
	}
}

// BulkChange is the outcome of a bulk change.
type BulkChange struct {
	Selected  int           `json:"selected" doc:"How many SIMs the filter or the list selects."`
	Changed   int           `json:"changed" doc:"How many were changed, or would be in a dry run."`
	Unchanged int           `json:"unchanged" doc:"How many are as asked for already."`
	Refused   []BulkRefusal `json:"refused" nullable:"false" doc:"What the rules refuse, one entry for each reason."`
	DryRun    bool          `json:"dry_run" doc:"Whether nothing was changed because the call was a dry run."`
}

// BulkRefusal is why some SIMs of a bulk change are not changed.
type BulkRefusal struct {
	Code    storage.BulkRefusalCode `json:"code" doc:"The reason, for programs."`
	Message string                  `json:"message" doc:"The reason, for people."`
	Count   int                     `json:"count" doc:"How many SIMs."`
	SIMs    []string                `json:"sims" nullable:"false" doc:"The ICCIDs of the first 10; the identifiers as sent if they name no SIM."`
}

// rights returns the rights that the change needs.
func (c bulkSettings) rights() simRights {
	return simRights{
		inventory: firstGiven("body.change.", field{"status", c.Status != nil}, field{"plan", c.Plan != nil}),
		settings: firstGiven("body.change.", field{"transfer_lock", c.TransferLock != nil}, field{"termination_protection", c.Protection != nil},
			field{"tags", c.Tags.given}, field{"group", c.Group.given}),
		unlock:    c.TransferLock != nil && !*c.TransferLock,
		unprotect: c.Protection != nil && !*c.Protection,
	}
}

// parse parses the body.
func (in *changeSIMsInput) parse(caller storage.Caller, account int64) (storage.BulkChange, error) {
	p := problem.New(problem.Invalid, "nothing was changed: fix the listed errors")
	b := in.Body
	c := storage.BulkChange{
		Account:      account,
		Status:       b.Change.Status,
		StatusBy:     statusActorOf(caller),
		Plan:         parsedIfGiven(p, "body.change.plan", b.Change.Plan, filled(transfer.ParseLine)),
		TransferLock: b.Change.TransferLock,
		Protection:   b.Change.Protection,
		ClearTags:    b.Change.Tags.null,
		Tags:         parseTagChanges(p, "body.change.tags", b.Change.Tags.value),
		Group:        parsedPatch(p, "body.change.group", b.Change.Group, transfer.ParseLine),
		Expected:     b.ExpectCount,
		DryRun:       b.DryRun,
		SkipRefused:  b.SkipRefused,
		Why:          parsed(p, "body.reason", b.Reason, transfer.ParseText),
		Described:    in.described(),
	}
	if r := b.Change.rights(); r.inventory == "" && r.settings == "" {
		p.Add(problem.FieldError{Location: "body.change", Message: "it changes nothing: give at least one of status, plan, transfer_lock, termination_protection, tags and group"})
	}
	switch {
	case (b.Filter == nil) == (len(b.SIMs) == 0):
		p.Add(problem.FieldError{Location: "body", Message: "say which SIMs to change: give either filter or sims"})
	case b.Filter != nil:
		f := b.Filter
		if account == 0 && f.empty() {
			p.Add(problem.FieldError{Location: "body.filter", Message: "the filter would select the SIMs of all accounts: give at least one condition"})
		}
		if b.ExpectCount == nil && !b.DryRun {
			p.Add(problem.FieldError{Location: "body.expect_count", Message: "required with a filter: a dry run says how many SIMs it selects"})
		}
		filter := f.of(p, "body.filter", account)
		c.Filter = &filter
	}
	c.SIMs = parsedList(p, "body", "sims", b.SIMs, transfer.ParseSIMRef)
	return c, refusal(p)
}

// described is what was asked for, as the audit trail records it.
func (in *changeSIMsInput) described() map[string]any {
	change := map[string]any{}
	c := in.Body.Change
	if c.Status != nil {
		change["status"] = *c.Status
	}
	if c.Plan != nil {
		change["plan"] = *c.Plan
	}
	if c.TransferLock != nil {
		change["transfer_lock"] = *c.TransferLock
	}
	if c.Protection != nil {
		change["termination_protection"] = *c.Protection
	}
	if c.Tags.given {
		change["tags"] = c.Tags.orNil()
	}
	if c.Group.given {
		change["group"] = c.Group.orNil()
	}
	asked := map[string]any{"change": change}
	if in.Body.Filter != nil {
		asked["filter"] = in.Body.Filter
	} else {
		asked["listed"] = len(in.Body.SIMs)
	}
	return asked
}

func (s *server) changeSIMs(ctx context.Context, in *changeSIMsInput) (*reply[BulkChange], error) {
	caller := callerOf(ctx)
	named := ""
	if in.Body.Filter != nil {
		named = in.Body.Filter.Account
	}
	account, err := s.reachedAccount(ctx, "body.filter.account", named)
	if err != nil {
		return nil, err
	}
	if err := in.Body.Change.rights().check(caller); err != nil {
		return nil, err
	}
	if f := in.Body.Filter; f != nil {
		if err := f.allowed(caller, "body.filter"); err != nil {
			return nil, err
		}
	}
	change, err := in.parse(caller, account)
	if err != nil {
		return nil, err
	}
	release, err := s.imports.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return once(ctx, s, func(t *storage.Tx, out *reply[BulkChange]) error {
		r, err := t.ChangeSIMs(ctx, actingCaller(ctx), change)
		if err != nil {
			return err
		}
		out.Status, out.Body = 200, viewBulk(r)
		out.Body.DryRun = in.Body.DryRun
		return nil
	})
}

func viewBulk(r storage.BulkResult) BulkChange {
	v := BulkChange{Selected: r.Selected, Changed: r.Changed, Unchanged: r.Unchanged, Refused: []BulkRefusal{}}
	for _, refused := range r.Refused {
		v.Refused = append(v.Refused, BulkRefusal{refused.Code, refused.Message, refused.Count, append([]string{}, refused.First...)})
	}
	return v
}

// fillRefused lists what the rules refuse.
func fillRefused(e *storage.SIMsRefusedError, p *problem.Problem) {
	p.Detail = e.Error()
	for _, r := range e.Refused {
		for _, sim := range r.First {
			p.Add(problem.FieldError{Location: "body", Code: string(r.Code), Message: fmt.Sprintf("%s (%d SIMs in total)", r.Message, r.Count), Value: sim})
		}
	}
}
