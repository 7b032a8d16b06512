package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// PlanMapping says on which plans of an account SIMs land.
type PlanMapping struct {
	Source    *transfer.OperatorID `json:"source,omitempty" doc:"For SIMs from the account with this operator id. Left out: for SIMs from any account."`
	Plans     map[string]string    `json:"plans" doc:"From the plan of a SIM to the plan on which it lands."`
	Default   *string              `json:"default,omitempty" doc:"The plan on which SIMs land whose plan is not in plans. Left out: they keep their plan."`
	UpdatedAt time.Time            `json:"updated_at"`
}

func viewPlanMapping(m storage.PlanMapping) PlanMapping {
	v := PlanMapping{Plans: m.Plans, Default: noneIfEmpty(m.Default), UpdatedAt: m.UpdatedAt.UTC()}
	if m.Source != "" {
		v.Source = &m.Source
	}
	return v
}

// PlanMappings are the plan mappings of an account.
type PlanMappings struct {
	Items []PlanMapping `json:"items" nullable:"false"`
}

func viewPlanMappings(list []storage.PlanMapping) PlanMappings {
	v := PlanMappings{make([]PlanMapping, len(list))}
	for i, m := range list {
		v.Items[i] = viewPlanMapping(m)
	}
	return v
}

type listPlanMappingsInput struct {
	AccountPath
	IfNoneMatch
}

type listPlanMappingsOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   PlanMappings
}

func (s *server) listPlanMappings(ctx context.Context, in *listPlanMappingsInput) (*listPlanMappingsOutput, error) {
	a, err := s.accountWithin(ctx, in.AccountPath)
	if err != nil {
		return nil, err
	}
	list, err := s.db.PlanMappings(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	out := &listPlanMappingsOutput{Body: viewPlanMappings(list)}
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

// mappingsMatch returns the condition of a call on all plan mappings of an account,
// nil if it has none.
func mappingsMatch(ctx context.Context) func([]storage.PlanMapping) error {
	if !conditional(ctx) {
		return nil
	}
	return func(list []storage.PlanMapping) error { return matches(ctx, viewPlanMappings(list)) }
}

// MappingSource is embedded in the input of routes for one plan mapping.
type MappingSource struct {
	Source string `query:"source" maxLength:"132" doc:"The operator id of the account that the SIMs come from. Administrators can give its external id. Default: the mapping for SIMs from any account."`
}

type putPlanMappingInput struct {
	IfMatch
	AccountPath
	MappingSource
	Body struct {
		Plans   map[string]string `json:"plans,omitempty" nullable:"false" maxProperties:"500" doc:"From the plan of a SIM to the plan on which it lands. All plans have to exist, and the account has to be allowed to hold those on which SIMs land."`
		Default string            `json:"default,omitempty" maxLength:"64" doc:"The plan on which SIMs land whose plan is not in plans. Default: they keep their plan."`
	}
}

type planMappingOutput struct {
	ETag string `header:"ETag"` // of all mappings
	Body PlanMapping
}

func (s *server) putPlanMapping(ctx context.Context, in *putPlanMappingInput) (*planMappingOutput, error) {
	a, source, err := s.mappedAccounts(ctx, in.AccountPath, in.MappingSource)
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	m := storage.PlanMapping{Source: source, PlanMapping: transfer.PlanMapping{
		Plans:   parsePlanNames(p, "body.plans", in.Body.Plans),
		Default: parsed(p, "body.default", in.Body.Default, filledIfGiven(transfer.ParseLine)),
	}}
	if m.Empty() && len(p.Errors) == 0 {
		p.Add(problem.FieldError{Location: "body", Message: "the mapping changes no plan: give plans or default, or delete the mapping"})
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	put, all, err := s.db.PutPlanMapping(ctx, actingCaller(ctx), a, m, mappingsMatch(ctx))
	if err != nil {
		return nil, err
	}
	tag, err := entityTag(viewPlanMappings(all))
	return &planMappingOutput{tag, viewPlanMapping(put)}, err
}

// parsePlanNames parses plans by plans. It adds an error to the problem for each
// name that is blank or too long.
func parsePlanNames(p *problem.Problem, location string, plans map[string]string) map[string]string {
	name := filled(func(text string) (string, error) {
		v, err := transfer.ParseLine(text)
		if err == nil {
			err = transfer.CheckLength(v, transfer.MaxPlanName)
		}
		return v, err
	})
	names := make(map[string]string, len(plans))
	for _, from := range slices.Sorted(maps.Keys(plans)) {
		at := location + "." + problem.Clip(from)
		key := parsed(p, at, from, name)
		if _, twice := names[key]; twice {
			p.Add(problem.FieldError{Location: at, Message: "another plan has the same name, apart from white space: remove one of the two"})
		}
		names[key] = parsed(p, at, plans[from], name)
	}
	return names
}

type deletePlanMappingInput struct {
	IfMatch
	AccountPath
	MappingSource
}

func (s *server) deletePlanMapping(ctx context.Context, in *deletePlanMappingInput) (*struct{}, error) {
	a, source, err := s.mappedAccounts(ctx, in.AccountPath, in.MappingSource)
	if err != nil {
		return nil, err
	}
	err = s.db.DeletePlanMapping(ctx, actingCaller(ctx), a, source, mappingsMatch(ctx))
	if errors.Is(err, storage.ErrNotFound) {
		from := "any account"
		if source != "" {
			from = string(source)
		}
		return nil, problem.New(problem.NotFound, fmt.Sprintf("account %s has no plan mapping for SIMs from %s", a.OperatorID, from))
	}
	return nil, err
}

// accountWithin returns the account of a path, or ErrNotFound if it is out of the
// caller's reach.
func (s *server) accountWithin(ctx context.Context, path AccountPath) (storage.Account, error) {
	ref, err := transfer.ParseAccountRef(path.OperatorID)
	if err != nil {
		return storage.Account{}, path.notFound()
	}
	a, err := s.db.Account(ctx, ref)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !reachOf(callerOf(ctx)).includes(a.ID) {
		return storage.Account{}, path.notFound()
	}
	return a, err
}

// mappedAccounts returns the account of a plan mapping, and the operator id of the
// account that its SIMs come from, empty for any. An account can name every
// operator id, so that it does not learn which ones exist.
func (s *server) mappedAccounts(ctx context.Context, path AccountPath, from MappingSource) (a storage.Account, source transfer.OperatorID, err error) {
	if a, err = s.accountWithin(ctx, path); err != nil || from.Source == "" {
		return a, "", err
	}
	if isAccount(callerOf(ctx)) {
		p := problem.New(problem.Invalid, "")
		if source = parsed(p, "query.source", from.Source, transfer.ParseOperatorID); len(p.Errors) > 0 {
			return a, "", p
		}
	} else {
		named, err := s.namedAccount(ctx, "query.source", from.Source)
		if err != nil {
			return a, "", err
		}
		source = named.OperatorID
	}
	if source == a.OperatorID {
		return a, "", problem.New(problem.OwnAccount, "", problem.FieldError{
			Location: "query.source", Message: "is the account itself: give the account that the SIMs come from", Value: from.Source,
		})
	}
	return a, source, nil
}

// planChooser reads on which plans SIMs can land.
type planChooser interface {
	PlanChoices(ctx context.Context, source, destination transfer.OperatorID) (storage.PlanChoices, error)
}

// remedies says what a party of requests from a source can do about reasons. For
// plan_not_available it names the plans to choose from. The zero value of known is
// ready to use.
type remedies struct {
	from   planChooser
	source transfer.OperatorID
	party  transfer.Party
	known  map[transfer.OperatorID]string // for plan_not_available, by destination
}

// of returns the remedy for a reason of a transfer to a destination.
func (r *remedies) of(ctx context.Context, reason transfer.Reason, destination transfer.OperatorID) (string, error) {
	if reason != transfer.PlanNotAvailable {
		return reason.Remedy(), nil
	}
	if text, found := r.known[destination]; found {
		return text, nil
	}
	choices, err := r.from.PlanChoices(ctx, r.source, destination)
	if err != nil {
		return "", err
	}
	if r.known == nil {
		r.known = map[transfer.OperatorID]string{}
	}
	r.known[destination] = transfer.PlanRemedy(r.party, planChoices(choices, r.party))
	return r.known[destination], nil
}

// planChoices returns the plans that a party of a request sees for SIMs that
// cannot land because of their plan. The source only learns of those that it may
// hold itself: it can have the SIMs changed to them before the transfer.
func planChoices(c storage.PlanChoices, party transfer.Party) []string {
	if party == transfer.PartySource {
		return c.Source
	}
	return c.Destination
}
