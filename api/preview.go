package api

import (
	"cmp"
	"context"
	"slices"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// Preview is the outcome of validating a transfer request now. It reserves
// nothing: the binding quote is that of the request itself.
type Preview struct {
	Source      transfer.OperatorID `json:"source"`
	Destination transfer.OperatorID `json:"destination"`

	SourceExternalID      *string `json:"source_external_id,omitempty" doc:"The external id of the source. For support."`
	DestinationExternalID *string `json:"destination_external_id,omitempty" doc:"The external id of the destination. For support."`

	Selected   int              `json:"selected" doc:"How many SIMs are selected: the value for expect_count."`
	Eligible   int              `json:"eligible" doc:"How many SIMs could be transferred."`
	Ineligible int              `json:"ineligible" doc:"How many SIMs could not be transferred."`
	Totals     []PreviewTotal   `json:"totals" nullable:"false" doc:"The eligible SIMs by method."`
	Reasons    []ReasonCount    `json:"reasons" nullable:"false" doc:"Why SIMs could not be transferred, the most frequent reason first."`
	Plans      []PreviewedMove  `json:"plans" nullable:"false" doc:"On which plans the eligible SIMs are, and on which they would land, the most frequent first."`
	Sessions   int              `json:"sessions" doc:"How many of the eligible SIMs have an open data session, which the transfer would drop."`
	Requests   int              `json:"request_count" doc:"How many transfer requests the SIMs need. If it is more than 1, create a batch from the selection."`
	Settings   []MethodSettings `json:"settings" nullable:"false" doc:"What happens to the settings of a SIM, by method."`
	FeeEntry   *QuotedFee       `json:"fee_entry,omitempty" doc:"The entry that the fees are from. Left out if no SIM needs support, or if there is no entry."`
	Items      []PreviewedSIM   `json:"items" nullable:"false" doc:"The SIMs, in the order of submission: those that the parameter items selects."`
}

// PreviewTotal is the total of the SIMs with one method.
type PreviewTotal struct {
	Method   transfer.Method `json:"method"`
	SIMs     int             `json:"sims"`
	Fees     transfer.Money  `json:"fees" doc:"What the source would pay for these SIMs, in its currency."`
	Unquoted int             `json:"unquoted,omitempty" doc:"How many SIMs have no fee, because the fee schedule has no amount: support would set one."`
}

// PreviewedMove is the number of eligible SIMs that change from one plan to another,
// or keep theirs.
type PreviewedMove struct {
	Plan    PreviewedPlan `json:"plan"`
	LandsOn PreviewedPlan `json:"lands_on"`
	SIMs    int           `json:"sims"`
}

// MethodSettings is what a method does to the settings of a SIM.
type MethodSettings struct {
	Method transfer.Method `json:"method"`
	Kept   []string        `json:"kept" nullable:"false" doc:"Settings that the SIM keeps."`
	Lost   []string        `json:"lost" nullable:"false" doc:"Settings that are reset to their defaults, unless the landing profile of the destination sets them."`
}

// PreviewedSIM is the outcome of validating one SIM.
type PreviewedSIM struct {
	Line       int              `json:"line" doc:"The position in the list, counted from 1: that of the EID or range that selects the SIM. For a filter, the position among the selected SIMs."`
	Identifier string           `json:"identifier" doc:"The identifier as submitted, reduced to its digits."`
	ICCID      *string          `json:"iccid,omitempty" doc:"Only if the source owns the SIM."`
	Status     *transfer.Status `json:"status,omitempty" doc:"Only if the source owns the SIM."`
	Plan       *PreviewedPlan   `json:"plan,omitempty" doc:"The plan of the SIM. Only if the source owns the SIM."`
	LandsOn    *PreviewedPlan   `json:"lands_on,omitempty" doc:"The plan that the SIM would have at the destination, if it is eligible and the destination does not choose another one when it accepts. A plan mapping of the destination can make it differ from plan."`
	Eligible   bool             `json:"eligible"`
	Method     *transfer.Method `json:"method,omitempty" doc:"How the SIM would be transferred, if it is eligible."`
	Reason     *transfer.Reason `json:"reason,omitempty" doc:"Why the SIM could not be transferred."`
	Remedy     string           `json:"remedy,omitempty" doc:"What to do about the reason."`
	Fee        *transfer.Money  `json:"fee,omitempty" doc:"What the source would pay for the SIM."`

	DropsSession bool `json:"drops_session" doc:"Whether the SIM is eligible and has an open data session, which the transfer would drop."`
}

// PreviewedPlan is a plan of a SIM before or after a transfer.
type PreviewedPlan struct {
	Name         string          `json:"name"`
	MonthlyPrice *transfer.Money `json:"monthly_price,omitempty" doc:"What a SIM on the plan costs a month, in the currency of the account that has the SIM. Left out if the plan has no price in it, or the caller does not see prices in it."`
}

// previewedPlan returns a plan with its price in the currency of the account that
// has the SIM.
func previewedPlan(ctx context.Context, prices map[string]storage.PlanPrices, name *string, currency transfer.Currency) *PreviewedPlan {
	if name == nil {
		return nil
	}
	p := &PreviewedPlan{Name: *name}
	if seesPriceIn(callerOf(ctx), currency) {
		p.MonthlyPrice = prices[*name].In(currency)
	}
	return p
}

type previewInput struct {
	Items string `query:"items" enum:"all,ineligible,none" default:"all" doc:"Which SIMs the response lists. For all, up to 100,000 SIMs can be selected, otherwise up to 1,000,000."`
	Body  NewRequest
}

// limit returns how many SIMs may be selected.
func (in *previewInput) limit() int {
	if in.Items == "all" {
		return transfer.MaxRequestSIMs
	}
	return transfer.MaxBatchRows
}

type previewOutput struct{ Body Preview }

func (s *server) previewRequest(ctx context.Context, in *previewInput) (*previewOutput, error) {
	a, err := s.parseRequest(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	to, err := a.destination(ctx, s.db)
	if err != nil {
		return nil, err
	}
	sims, err := a.sims.resolve(ctx, s.db, a.source.ID, in.limit())
	if err != nil {
		return nil, err
	}
	rows, err := s.db.PreviewRequest(ctx, a.source.ID, to.ID, in.Body.SelfServiceOnly, sims.Identifiers, in.Items)
	if err != nil {
		return nil, err
	}
	v := viewPreview(rows, sims.Lines, a.source.Currency)
	v.Requests = (v.Selected + transfer.MaxRequestSIMs - 1) / transfer.MaxRequestSIMs
	if err := s.previewPlans(ctx, &v, rows, a.source, to); err != nil {
		return nil, err
	}
	v.Source, v.Destination = a.source.OperatorID, to.OperatorID
	v.SourceExternalID, v.DestinationExternalID = externalIDFor(callerOf(ctx), a.source.ExternalID), externalIDFor(callerOf(ctx), to.ExternalID)
	v.FeeEntry, err = s.previewedEntry(ctx, rows)
	return &previewOutput{v}, err
}

// previewPlans adds the plans before and after to a preview, and to the remedies for
// plan_not_available the plans to choose from.
func (s *server) previewPlans(ctx context.Context, v *Preview, rows []storage.Preview, source, to storage.Account) error {
	plans, err := s.db.Plans(ctx)
	if err != nil {
		return err
	}
	prices := make(map[string]storage.PlanPrices, len(plans))
	for _, p := range plans {
		prices[p.Name] = p.MonthlyPrices
	}
	told := remedies{from: s.db, source: source.OperatorID, party: senderParty(callerOf(ctx))}
	moves := map[[2]string]*PreviewedMove{}
	items := v.Items // those that are not filled yet
	for _, row := range rows {
		plan := previewedPlan(ctx, prices, row.Plan, source.Currency)
		landsOn := previewedPlan(ctx, prices, row.LandsOn, to.Currency)
		if plan != nil && landsOn != nil {
			key := [2]string{plan.Name, landsOn.Name}
			if moves[key] == nil {
				moves[key] = &PreviewedMove{Plan: *plan, LandsOn: *landsOn}
			}
			moves[key].SIMs += row.SIMs
		}
		if row.N < 0 {
			continue
		}
		items[0].Plan, items[0].LandsOn = plan, landsOn
		if row.Reason != nil {
			if items[0].Remedy, err = told.of(ctx, *row.Reason, to.OperatorID); err != nil {
				return err
			}
		}
		items = items[1:]
	}
	for _, move := range moves {
		v.Plans = append(v.Plans, *move)
	}
	slices.SortFunc(v.Plans, func(a, b PreviewedMove) int {
		return cmp.Or(cmp.Compare(b.SIMs, a.SIMs), cmp.Compare(a.Plan.Name, b.Plan.Name), cmp.Compare(a.LandsOn.Name, b.LandsOn.Name))
	})
	for i, r := range v.Reasons {
		if v.Reasons[i].Remedy, err = told.of(ctx, r.Reason, to.OperatorID); err != nil {
			return err
		}
	}
	return nil
}

// previewedEntry returns the entry that the fees of a preview are from, nil if
// there are none.
func (s *server) previewedEntry(ctx context.Context, rows []storage.Preview) (*QuotedFee, error) {
	i := slices.IndexFunc(rows, func(row storage.Preview) bool { return row.FeeEntry != nil })
	if i < 0 {
		return nil, nil
	}
	f, err := s.db.Fee(ctx, *rows[i].FeeEntry)
	if err != nil {
		return nil, err
	}
	return &QuotedFee{f.ID, f.Money(), f.ValidFrom.UTC(), f.Account != 0}, nil
}

// viewPreview shows the outcome for SIMs, each with its line.
func viewPreview(rows []storage.Preview, lines []int, currency transfer.Currency) Preview {
	v := Preview{
		Totals:   []PreviewTotal{},
		Reasons:  []ReasonCount{},
		Plans:    []PreviewedMove{},
		Settings: settingsByMethod(),
		Items:    []PreviewedSIM{},
	}
	totals, reasons := map[transfer.Method]PreviewTotal{}, map[transfer.Reason]int{}
	for _, row := range rows {
		v.Selected += row.SIMs
		v.Sessions += row.Sessions
		if row.Reason != nil {
			reasons[*row.Reason] += row.SIMs
			v.Ineligible += row.SIMs
		} else {
			v.Eligible += row.SIMs
			totals[*row.Method] = totals[*row.Method].with(row.Fee, row.SIMs)
		}
		if row.N < 0 {
			continue
		}
		item := PreviewedSIM{
			Line:       lines[row.N],
			Identifier: row.Identifier,
			ICCID:      row.ICCID,
			Status:     row.Status,
			Eligible:   row.Reason == nil,
			Method:     row.Method,
			Reason:     row.Reason,

			DropsSession: row.Sessions > 0,
		}
		if row.Fee != nil {
			item.Fee = &transfer.Money{Minor: *row.Fee, Currency: currency}
		}
		v.Items = append(v.Items, item)
	}
	for _, m := range transfer.Methods() {
		if t, ok := totals[m]; ok {
			t.Method, t.Fees.Currency = m, currency
			v.Totals = append(v.Totals, t)
		}
	}
	for r, n := range reasons {
		v.Reasons = append(v.Reasons, ReasonCount{State: transfer.Ineligible, Reason: r, Remedy: r.Remedy(), Count: n})
	}
	slices.SortFunc(v.Reasons, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return v
}

// with adds SIMs with a fee each.
func (t PreviewTotal) with(fee *int64, sims int) PreviewTotal {
	t.SIMs += sims
	if fee == nil {
		t.Unquoted += sims
	} else {
		t.Fees.Minor += *fee * int64(sims)
	}
	return t
}

// settingName returns the name of a setting in the API.
func settingName(s transfer.Setting) string {
	if s.Name == "sim_group" {
		return "group"
	}
	return s.Name
}

// settingsByMethod returns the policy on settings by method.
func settingsByMethod() []MethodSettings {
	var list []MethodSettings
	for _, m := range transfer.Methods() {
		v := MethodSettings{Method: m, Kept: []string{}, Lost: []string{}}
		for _, setting := range transfer.Policy() {
			name := settingName(setting)
			if setting.Under(m) == transfer.Keep {
				v.Kept = append(v.Kept, name)
			} else {
				v.Lost = append(v.Lost, name)
			}
		}
		list = append(list, v)
	}
	return list
}
