package transfer

import (
	"fmt"
	"time"
)

// Reminders returns how much of the time to decide, in percent, is over when a
// reminder is recorded.
func Reminders() []int { return []int{50, 90} }

// Window is when an accepted request is executed: it starts at NotBefore or as
// soon as possible after it, but before NotAfter. A zero NotAfter is no limit.
type Window struct{ NotBefore, NotAfter time.Time }

// maxPast is how far in the past a window may begin, for the clocks of clients.
const maxPast = 5 * time.Minute

// Check returns the window as it applies to an acceptance at an instant, which
// is the earliest time at which the window begins. It returns a *WindowError if
// the window is not possible.
func (w Window) Check(now time.Time) (Window, error) {
	switch {
	case w.NotBefore.IsZero():
	case w.NotBefore.Before(now.Add(-maxPast)):
		return w, &WindowError{"not_before", w.NotBefore, "in the past: leave it out to start at once, or give a later time"}
	case w.NotBefore.After(now.Add(MaxAhead)):
		return w, &WindowError{"not_before", w.NotBefore, "in the future by more than 30 days: the latest time is " + timeText(now.Add(MaxAhead))}
	}
	if w.NotBefore.Before(now) {
		w.NotBefore = now
	}
	if earliest := w.NotBefore.Add(MinWindow); !w.NotAfter.IsZero() && w.NotAfter.Before(earliest) {
		return w, &WindowError{"not_after", w.NotAfter, "less than a minute after the beginning of the window: give " + timeText(earliest) + " or a later time"}
	}
	if latest := now.Add(MaxWindowEnd); w.NotAfter.After(latest) {
		return w, &WindowError{"not_after", w.NotAfter, "in the future by more than 90 days: the latest time is " + timeText(latest)}
	}
	return w, nil
}

// WindowError means that the window of an acceptance is not possible.
type WindowError struct {
	Field string // not_before or not_after
	Value time.Time
	Why   string
}

func (e *WindowError) Error() string {
	return fmt.Sprintf("%s is %s, which is %s", e.Field, timeText(e.Value), e.Why)
}

// CheckExtension returns an *ExtensionError if the time to decide, which began at
// an instant and ends at another, cannot be extended until a third one. It can be
// extended up to MaxAcceptance in all, and never shortened.
func CheckExtension(since, ends, until time.Time) error {
	latest := since.Add(MaxAcceptance)
	if until.After(ends) && !until.After(latest) {
		return nil
	}
	return &ExtensionError{Ends: ends, Until: until, Latest: latest}
}

// CanExtend returns an *ExtensionError if the time to decide, which began at an
// instant and ends at another, cannot be extended at all.
func CanExtend(since, ends time.Time) error {
	if latest := since.Add(MaxAcceptance); !ends.Before(latest) {
		return &ExtensionError{Ends: ends, Until: ends, Latest: latest}
	}
	return nil
}

// ExtensionError means that an extension would shorten the time to decide, or
// that it is beyond the limit.
type ExtensionError struct {
	Ends   time.Time // of the time to decide
	Until  time.Time // what was asked for
	Latest time.Time // the limit
}

func (e *ExtensionError) Error() string {
	switch {
	case !e.Ends.Before(e.Latest):
		return fmt.Sprintf("the time to decide ends at %s, which is the latest time possible: it cannot be extended", timeText(e.Ends))
	case e.Until.After(e.Latest):
		return fmt.Sprintf("%s is more than 30 days after the time to decide began: the latest time is %s", timeText(e.Until), timeText(e.Latest))
	}
	return fmt.Sprintf("%s is not later than %s, when the time to decide ends: give a later time, up to %s", timeText(e.Until), timeText(e.Ends), timeText(e.Latest))
}

// End is how a whole request was canceled, declined or denied. The zero value
// stands for an end that cannot be taken back.
type End struct {
	By      Party
	At      time.Time
	From    RequestState // the state that it had before
	Expires time.Time    // when it would have expired; zero if never
}

// TakeBack returns the error that keeps a party from taking back the end of a
// request at an instant, nil if it may: a *TakeBackError or an *ExpiredError. Only
// the party that ended the request may, within TakeBackPeriod.
func (e End) TakeBack(by Party, now time.Time) error {
	switch {
	case e.From == "":
		return &TakeBackError{Why: NoTakeBack}
	case e.By != by:
		return &TakeBackError{Why: OtherParty, End: e}
	case !now.Before(e.Until()):
		return &TakeBackError{Why: TakeBackLate, End: e}
	case !e.Expires.IsZero() && !now.Before(e.Expires):
		return &ExpiredError{TakeBack}
	}
	return nil
}

// Until returns when it becomes too late to take back the end of the request.
func (e End) Until() time.Time { return e.At.Add(TakeBackPeriod) }

// Why an end cannot be taken back.
const (
	NoTakeBack   = "no_take_back" // ended during validation, by naming its SIMs, or by the service
	OtherParty   = "other_party"  // another party ended it
	TakeBackLate = "late"         // TakeBackPeriod is over
)

// TakeBackError means that the end of a request cannot be taken back.
type TakeBackError struct {
	Why string // NoTakeBack, OtherParty or TakeBackLate
	End End    // zero for NoTakeBack
}

func (e *TakeBackError) Error() string {
	switch e.Why {
	case OtherParty:
		by := "the " + string(e.End.By)
		if e.End.By == PartySupport {
			by = "support"
		}
		return fmt.Sprintf("the request was ended by %s: only %s can take that back", by, by)
	case TakeBackLate:
		return fmt.Sprintf("the request was ended at %s, and that could be taken back until %s: create a new request", timeText(e.End.At), timeText(e.End.Until()))
	}
	return "the request was ended during validation, by naming its SIMs or by the service, which cannot be taken back: create a new request"
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }
