package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Plan is a plan as the API shows it.
type Plan struct {
	Name          string           `json:"name"`
	CoverageBound bool             `json:"coverage_bound" doc:"Whether SIMs on this plan cannot move to an account with a different coverage."`
	MonthlyPrices []transfer.Money `json:"monthly_prices" nullable:"false" doc:"What a SIM on this plan costs a month, by currency. An account sees the price in its currency."`
}

func viewPlan(p storage.Plan, caller storage.Caller) Plan {
	v := Plan{Name: p.Name, CoverageBound: p.CoverageBound, MonthlyPrices: []transfer.Money{}}
	for _, price := range p.MonthlyPrices {
		if seesPriceIn(caller, price.Currency) {
			v.MonthlyPrices = append(v.MonthlyPrices, price)
		}
	}
	return v
}

type listPlansOutput struct {
	Body struct {
		Items []Plan `json:"items" nullable:"false"`
	}
}

func (s *server) listPlans(ctx context.Context, _ *struct{}) (*listPlansOutput, error) {
	plans, err := s.db.Plans(ctx)
	if err != nil {
		return nil, err
	}
	out := &listPlansOutput{}
	out.Body.Items = make([]Plan, len(plans))
	for i, p := range plans {
		out.Body.Items[i] = viewPlan(p, callerOf(ctx))
	}
	return out, nil
}

// PlanPath is embedded in the input of routes for one plan.
type PlanPath struct {
	Name string `path:"name" doc:"The name of the plan." maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]*$" patternDescription:"letters, digits, dots, dashes and underscores" example:"global-01"`
}

type getPlanInput struct {
	PlanPath
	IfNoneMatch
}

func (s *server) getPlan(ctx context.Context, in *getPlanInput) (*planOutput, error) {
	p, err := s.db.Plan(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return outputPlan(ctx, p)
}

type putPlanInput struct {
	IfMatch
	PlanPath
	Body struct {
		CoverageBound bool          `json:"coverage_bound" doc:"Whether SIMs on this plan cannot move to an account with a different coverage."`
		MonthlyPrices *[]MoneyInput `json:"monthly_prices,omitempty" nullable:"false" maxItems:"300" doc:"What a SIM on this plan costs a month: one price per currency, each with its currency. They replace all prices of the plan; an empty list removes them. Left out: the prices stay as they are."`
	}
}

type planOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Plan
}

func outputPlan(ctx context.Context, p storage.Plan) (*planOutput, error) {
	out := &planOutput{Body: viewPlan(p, callerOf(ctx))}
	var err error
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

func (s *server) putPlan(ctx context.Context, in *putPlanInput) (*planOutput, error) {
	p := storage.Plan{Name: in.Name, CoverageBound: in.Body.CoverageBound}
	if in.Body.MonthlyPrices != nil {
		var err error
		if p.MonthlyPrices, err = parsePrices(*in.Body.MonthlyPrices); err != nil {
			return nil, err
		}
	}
	put, err := s.db.PutPlan(ctx, actingCaller(ctx), p, func(was *storage.Plan) error {
		if was == nil {
			return matches(ctx, nil)
		}
		return matches(ctx, viewPlan(*was, callerOf(ctx)))
	})
	if err != nil {
		return nil, err
	}
	return outputPlan(ctx, put)
}

// parsePrices parses the prices of a plan, of which each currency can have one.
func parsePrices(list []MoneyInput) (storage.PlanPrices, error) {
	p := problem.New(problem.Invalid, "")
	prices := storage.PlanPrices{}
	first := map[transfer.Currency]string{}
	for i, in := range list {
		at, errors := fmt.Sprintf("body.monthly_prices[%d]", i), len(p.Errors)
		price := parseFee(p, at, in, "")
		if len(p.Errors) > errors {
			continue
		}
		if earlier, twice := first[price.Currency]; twice {
			p.Add(problem.FieldError{Location: at, Message: fmt.Sprintf("%s has a price in %s already: give one price per currency", earlier, price.Currency), Value: price.String()})
			continue
		}
		first[price.Currency] = at
		prices = append(prices, price)
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	slices.SortFunc(prices, func(a, b transfer.Money) int { return strings.Compare(string(a.Currency), string(b.Currency)) })
	return prices, nil
}
