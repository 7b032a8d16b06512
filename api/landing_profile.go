package api

import (
	"maps"
	"slices"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Landing is the landing profile: what the destination sets on SIMs when they
// arrive. Fields that are left out do not change the SIMs.
type Landing struct {
	Group      string            `json:"group,omitempty" minLength:"1" maxLength:"128" example:"field-devices"`
	Tags       map[string]string `json:"tags,omitempty" nullable:"false" maxProperties:"64" doc:"Added to the tags that the transfer keeps. A name can have up to 128 characters, a value up to 256."`
	SpeedClass string            `json:"speed_class,omitempty" minLength:"1" maxLength:"128"`
	Plan       string            `json:"plan,omitempty" minLength:"1" maxLength:"64" doc:"The plan on which the SIMs land. Default: the one that a plan mapping gives, or the plan that they have."`
}

// LandingProfile is what an account sets on SIMs when they arrive, unless an acceptance
// says otherwise.
type LandingProfile struct {
	Group      string            `json:"group,omitempty" maxLength:"128" example:"field-devices"`
	Tags       map[string]string `json:"tags,omitempty" nullable:"false" maxProperties:"64" doc:"Added to the tags that the transfer keeps. A name can have up to 128 characters, a value up to 256."`
	SpeedClass string            `json:"speed_class,omitempty" maxLength:"128"`
}

// parse returns the profile for storage, nil if it is empty. If it is invalid, it adds
// errors to the problem.
func (l LandingProfile) parse(p *problem.Problem, location string) *storage.Landing {
	return (&Landing{Group: l.Group, Tags: l.Tags, SpeedClass: l.SpeedClass}).parse(p, location)
}

// viewLandingProfile returns the profile of an account, nil for none.
func viewLandingProfile(l *storage.Landing) *LandingProfile {
	v := viewLanding(l)
	if v == nil {
		return nil
	}
	return &LandingProfile{Group: v.Group, Tags: v.Tags, SpeedClass: v.SpeedClass}
}

// parseTags parses tags. It adds an error to the problem for every invalid tag.
func parseTags(p *problem.Problem, location string, tags map[string]string) map[string]string {
	parsed := make(map[string]string, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		at := location + "." + problem.Clip(name)
		n, v, err := transfer.ParseTag(name, tags[name])
		if err != nil {
			p.Add(problem.FieldError{Location: at, Message: err.Error()})
			continue
		}
		if _, twice := parsed[n]; twice {
			p.Add(problem.FieldError{Location: at, Message: "another tag has the same name, apart from white space: remove one of the two"})
		}
		parsed[n] = v
	}
	if err := transfer.CheckTags(parsed); err != nil {
		p.Add(problem.FieldError{Location: location, Message: err.Error()})
	}
	return parsed
}

// parseTagChanges parses the tags of a merge patch, in which nil removes a tag.
func parseTagChanges(p *problem.Problem, location string, tags map[string]*string) map[string]*string {
	changes := make(map[string]*string, len(tags))
	set := make(map[string]string, len(tags))
	for name, value := range tags {
		if value != nil {
			set[name] = *value
			continue
		}
		changes[name] = nil
	}
	for name, value := range parseTags(p, location, set) {
		if _, removed := changes[name]; removed {
			p.Add(problem.FieldError{Location: location + "." + problem.Clip(name), Message: "the tag is both set and removed: decide for one of the two"})
		}
		changes[name] = &value
	}
	return changes
}

// parse returns the landing profile for storage, nil if it is empty. If it is
// invalid, it adds errors to the problem.
func (l *Landing) parse(p *problem.Problem, location string) *storage.Landing {
	if l == nil {
		return nil
	}
	landing := storage.Landing{
		Group:      parsed(p, location+".group", l.Group, transfer.ParseLine),
		SpeedClass: parsed(p, location+".speed_class", l.SpeedClass, transfer.ParseLine),
		Plan:       parsed(p, location+".plan", l.Plan, filledIfGiven(transfer.ParseLine)),
		Tags:       parseTags(p, location+".tags", l.Tags),
	}
	if landing.Group == "" && landing.SpeedClass == "" && landing.Plan == "" && len(landing.Tags) == 0 {
		return nil
	}
	return &landing
}

// viewLanding returns what the destination chose, nil for nothing.
func viewLanding(l *storage.Landing) *Landing {
	if l == nil || l.Group == "" && l.SpeedClass == "" && l.Plan == "" && len(l.Tags) == 0 {
		return nil
	}
	return &Landing{Group: l.Group, Tags: l.Tags, SpeedClass: l.SpeedClass, Plan: l.Plan}
}

// LandingPlans is the plan mapping with which SIMs of a request land.
type LandingPlans struct {
	Plans   map[string]string `json:"plans" doc:"From the plan of a SIM to the plan on which it lands."`
	Default *string           `json:"default,omitempty" doc:"The plan on which SIMs land whose plan is not in plans. Left out: they keep their plan."`
}

// viewLandingPlans returns the mapping that was in force when a request was
// accepted, nil for none.
func viewLandingPlans(l *storage.Landing) *LandingPlans {
	if l == nil || l.PlanMapping().Empty() {
		return nil
	}
	v := &LandingPlans{Plans: l.Plans, Default: noneIfEmpty(l.DefaultPlan)}
	if v.Plans == nil {
		v.Plans = map[string]string{}
	}
	return v
}
