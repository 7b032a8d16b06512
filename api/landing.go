package api

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// Landing is the landing profile: what the destination sets on SIMs when they
// arrive. Fields that are left out do not change the SIMs.
type Landing struct {
	Group      string            `json:"group,omitempty" maxLength:"128" example:"field-devices"`
	Tags       map[string]string `json:"tags,omitempty" nullable:"false" maxProperties:"64" doc:"Added to the tags that the transfer keeps. A name can have up to 128 characters, a value up to 256."`
	SpeedClass string            `json:"speed_class,omitempty" maxLength:"128"`
}

// The limits of tags in characters, in landing profiles and in updates of SIMs.
// The schemas limit the number of tags and the length of the group.
const (
	maxTagName  = 128
	maxTagValue = 256
)

// checkTags adds an error to the problem for every invalid tag.
func checkTags(p *problem.Problem, location string, tags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		at := location + "." + problem.Clip(name)
		if n := utf8.RuneCountInString(name); n == 0 || n > maxTagName {
			p.Add(problem.FieldError{Location: at, Message: fmt.Sprintf("a tag name must have 1 to %d characters, but this one has %d", maxTagName, n)})
		}
		value := tags[name]
		if n := utf8.RuneCountInString(value); n > maxTagValue {
			p.Add(problem.FieldError{Location: at, Message: fmt.Sprintf("a tag value can have up to %d characters, but this one has %d", maxTagValue, n), Value: value})
		}
	}
}

// parse returns the landing profile for storage, nil if it is empty. If it is
// invalid, it adds errors to the problem.
func (l *Landing) parse(p *problem.Problem, location string) *storage.Landing {
	if l == nil || l.Group == "" && l.SpeedClass == "" && len(l.Tags) == 0 {
		return nil
	}
	checkTags(p, location+".tags", l.Tags)
	return &storage.Landing{Group: l.Group, Tags: l.Tags, SpeedClass: l.SpeedClass}
}

func viewLanding(l *storage.Landing) *Landing {
	if l == nil {
		return nil
	}
	return &Landing{Group: l.Group, Tags: l.Tags, SpeedClass: l.SpeedClass}
}
