package api

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// Landing is what the destination wants of the SIMs as they arrive. What it
// leaves out is as the transfer leaves it.
type Landing struct {
	Group      string            `json:"group,omitempty" maxLength:"128" example:"field-devices"`
	Tags       map[string]string `json:"tags,omitempty" nullable:"false" maxProperties:"64" doc:"Added to the tags that the transfer keeps. A name has up to 128 characters, a value up to 256."`
	SpeedClass string            `json:"speed_class,omitempty" maxLength:"128"`
}

// The limits of tags: of those that the destination gives, and of those that the
// owner sets. Of how many there may be, and how long a group may be, the
// document says the same for both.
const (
	maxTagName  = 128
	maxTagValue = 256
)

// checkTags adds what is wrong with tags to a problem.
func checkTags(p *problem.Problem, location string, tags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		at := location + "." + problem.Clip(name)
		if n := utf8.RuneCountInString(name); n == 0 || n > maxTagName {
			p.Add(problem.FieldError{Location: at, Message: fmt.Sprintf("the name of a tag has from 1 to %d characters", maxTagName)})
		}
		if value := tags[name]; utf8.RuneCountInString(value) > maxTagValue {
			p.Add(problem.FieldError{Location: at, Message: fmt.Sprintf("the value of a tag has up to %d characters", maxTagValue), Value: value})
		}
	}
}

// read returns a landing profile as it is stored, nil for an empty one, and
// adds what is wrong with it to a problem.
func (l *Landing) read(p *problem.Problem, location string) *storage.Landing {
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
