package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

// step is one entry of the checklist of a request.
type step struct {
	Class string // done, now, later or stopped
	What  string
	Text  string
	Who   string    // whose turn it is, or who did it
	At    time.Time // when it was done; zero: it was not
	Until time.Time // when the time for it ends; zero: never
}

// Icon returns the picture of the step.
func (s step) Icon() string {
	switch s.Class {
	case "done":
		return "check"
	case "stopped":
		return "cross"
	case "now":
		return "clock"
	}
	return ""
}

// event returns the last event of one of some kinds; false if there is none.
func (v requestView) event(kinds ...transfer.EventKind) (client.Event, bool) {
	for _, e := range slices.Backward(v.Events) {
		if slices.Contains(kinds, transfer.EventKind(e.Kind)) && (e.To != "" || e.Kind == string(transfer.EventCreate)) {
			return e, true
		}
	}
	return client.Event{}, false
}

// Steps is the checklist of the request: what was done, what is due, by whom and until
// when.
func (v requestView) Steps() []step {
	steps := []step{v.createdStep()}
	if v.Party != transfer.PartyDestination {
		steps = append(steps, v.checkStep())
		if v.needsSupport() {
			steps = append(steps, v.supportStep())
		}
	}
	steps = append(steps, v.acceptStep())
	if s, ok := v.windowStep(); ok {
		steps = append(steps, s)
	}
	steps = append(steps, v.moveStep())
	return v.stopAt(steps)
}

func (v requestView) createdStep() step {
	s := step{Class: "done", What: "Request created", At: v.Request.CreatedAt, Who: v.name(transfer.PartySource)}
	if e, ok := v.event(transfer.EventCreate); ok {
		s.Who = v.By(e)
	}
	if v.Request.RetryOf != nil {
		s.Text = "It retries SIMs of an earlier request."
	}
	return s
}

func (v requestView) checkStep() step {
	c, s := v.Request.Counts, step{What: "SIMs checked"}
	if e, ok := v.event(transfer.EventOffer, transfer.EventReview, transfer.EventReject); ok {
		s.At = e.At
	}
	switch v.Request.State {
	case transfer.Validating:
		s.Class, s.What = "now", "Checking the SIMs"
		s.Text = fmt.Sprintf("%s of %s checked.", number(c.SIMs-c.Pending), number(c.SIMs))
	default:
		s.Class = "done"
		if c.Ineligible > 0 {
			s.Text = plural(c.Ineligible, "SIM") + " cannot be transferred; the table says why."
		}
	}
	return s
}

func (v requestView) needsSupport() bool {
	_, reviewed := v.event(transfer.EventReview)
	return reviewed || v.Request.State == transfer.InReview || v.Request.Counts.Support > 0
}

func (v requestView) supportStep() step {
	s := step{What: "Approved by support"}
	if e, ok := v.event(transfer.EventApprove); ok {
		s.Class, s.At, s.Who = "done", e.At, v.By(e)
		if v.Request.Ticket != "" {
			s.Text = "Ticket " + v.Request.Ticket + "."
		}
		return s
	}
	s.Class, s.What = "later", "Support approves"
	if v.Request.State == transfer.InReview {
		s.Class, s.Who = "now", "support"
		s.Text = plural(v.Request.Counts.Support, "SIM") + " already in use: support looks at the request before the destination can accept it."
		s.Until = v.until()
	}
	return s
}

func (v requestView) acceptStep() step {
	s := step{What: "Accepted", Who: v.name(transfer.PartyDestination)}
	if e, ok := v.event(transfer.EventAccept); ok && v.Request.State != transfer.AwaitingAcceptance {
		s.Class, s.At, s.Who = "done", e.At, v.By(e)
		if b := v.Request.AcceptedOnBehalf; b != nil {
			s.Text = "By support on behalf of the destination: " + b.Reason
		}
		return s
	}
	s.Class, s.What = "later", s.Who+" accepts"
	if v.Party == transfer.PartyDestination {
		s.What = "You accept or decline"
	}
	if v.Request.State == transfer.AwaitingAcceptance {
		s.Class, s.Until = "now", v.until()
		s.Text = "Until then, the SIMs stay where they are. Without an answer, the request expires."
		if v.Party == transfer.PartySource {
			s.Text += " You can still cancel."
		}
	}
	return s
}

func (v requestView) until() time.Time {
	if n := v.Request.NextAction; n != nil {
		return n.Until
	}
	return time.Time{}
}

func (v requestView) windowStep() (step, bool) {
	r := v.Request
	if r.NotBefore == nil && r.NotAfter == nil {
		return step{}, false
	}
	s := step{Class: "later", What: "Waits for its time"}
	if e, ok := v.event(transfer.EventStart); ok {
		s.Class, s.At = "done", e.At
	}
	if r.State == transfer.Scheduled {
		s.Class, s.Text = "now", "Both sides can still withdraw."
		if r.NotBefore != nil {
			s.Until = *r.NotBefore
		}
	}
	return s, true
}

func (v requestView) moveStep() step {
	c, s := v.Request.Counts, step{Class: "later", What: "SIMs are moved"}
	switch v.Request.State {
	case transfer.Transferring:
		s.Class, s.What = "now", "Moving the SIMs"
		s.Text = fmt.Sprintf("%s of %s moved", number(c.Completed), number(c.Completed+c.Eligible+c.Failed))
		if c.Failed > 0 {
			s.Text += ", " + number(c.Failed) + " failed"
		}
		s.Text += ". Data sessions are ended first; devices may need a restart."
	case transfer.RequestCompleted:
		s.Class, s.What = "done", plural(c.Completed, "SIM")+" moved"
		if e, ok := v.event(transfer.EventFinish); ok {
			s.At = e.At
		}
		if c.Failed > 0 {
			s.Text = fmt.Sprintf("%s of %s could not be moved; the table says why.", number(c.Failed), plural(c.Completed+c.Failed, "SIM"))
		}
		if c.Completed == 0 {
			s.Class, s.What = "stopped", "No SIM was moved"
		}
	default:
	}
	return s
}

// stopAt cuts the checklist of a request that has ended before its SIMs were moved.
func (v requestView) stopAt(steps []step) []step {
	r := v.Request
	if !r.State.Final() || r.State == transfer.RequestCompleted {
		return steps
	}
	end := step{Class: "stopped", What: words(r.State)}
	if e, ok := v.event(transfer.EventKind(endOf(r.State))); ok {
		end.At, end.Who = e.At, v.By(e)
	}
	switch r.State {
	case transfer.RequestRejected:
		end.What, end.Text = "No SIM can be transferred", "The table says why for each SIM. Nothing was changed."
	case transfer.RequestExpired:
		end.What, end.Text, end.Who = "Expired", "The time to decide ran out. The SIMs stayed where they are.", ""
	default:
		if d := r.Decision; d != nil {
			end.Text = strings.TrimSuffix(strings.TrimSpace(words(d.Code)+": "+d.Reason), ":")
			end.Text = strings.TrimPrefix(end.Text, ": ")
		}
	}
	i := slices.IndexFunc(steps, func(s step) bool { return s.Class != "done" })
	if i < 0 {
		i = len(steps)
	}
	return append(steps[:i:i], end)
}

// endOf returns the event that ends a request in a state.
func endOf(s transfer.RequestState) transfer.Event {
	switch s {
	case transfer.RequestRejected:
		return transfer.Reject
	case transfer.RequestCanceled:
		return transfer.Cancel
	case transfer.RequestDeclined:
		return transfer.Decline
	case transfer.RequestDenied:
		return transfer.Deny
	case transfer.RequestExpired:
		return transfer.Expire
	default:
		return transfer.Finish
	}
}

// name returns what a party is called on the page.
func (v requestView) name(p transfer.Party) string {
	switch p {
	case v.Party:
		return "you"
	case transfer.PartySource:
		return cmp.Or(v.Request.SourceName, string(v.Request.Source))
	case transfer.PartyDestination:
		return v.Called(v.Request.Destination)
	case transfer.PartySupport:
		return "support"
	default:
		return "the service"
	}
}

// By returns who caused an event: the name of the person or the key, and the party.
func (v requestView) By(e client.Event) string {
	party := v.name(e.Party)
	name := cmp.Or(e.Key, e.KeyHint)
	if e.Person != nil {
		name = e.Person.Name
	}
	if name != "" {
		if party == "you" {
			return name
		}
		return name + ", " + party
	}
	return party
}

// entry is one entry of the timeline.
type entry struct {
	At      time.Time
	Who     string
	Text    string
	Quote   string // in a party's own words
	Comment bool
	To      string // who sees the comment, if not everyone
	Link    string // path of a request that it is about
}

// Timeline returns what happened, the latest first. It leaves out the progress of
// chunks, which the counts show.
func (v requestView) Timeline() []entry {
	var list []entry
	for _, e := range slices.Backward(v.Events) {
		if text, ok := v.eventText(e); ok {
			text.At = e.At
			if e.Party != transfer.PartySystem {
				text.Who = v.By(e)
			}
			list = append(list, text)
		}
	}
	return list
}

// eventText says what an event is; false for the progress of chunks.
func (v requestView) eventText(e client.Event) (entry, bool) {
	text := func(name string) string { s, _ := e.Detail[name].(string); return s }
	count := func(name string) int { n, _ := e.Detail[name].(float64); return int(n) }
	some := ""
	if n := count("sims"); n > 0 {
		some = " " + plural(n, "SIM")
	}
	why := strings.TrimPrefix(strings.TrimSuffix(words(text("code"))+": "+text("reason"), ": "), ": ")
	switch transfer.EventKind(e.Kind) {
	case transfer.EventCreate:
		return entry{Text: "created the request"}, true
	case transfer.EventRetry:
		return entry{Text: "made a new request for " + plural(count("size"), "SIM"), Link: text("request")}, true
	case transfer.EventComment:
		var to []string
		readers, _ := e.Detail["visible_to"].([]any)
		for _, r := range readers {
			to = append(to, fmt.Sprint(r))
		}
		c := entry{Text: "wrote", Quote: text("text"), Comment: true}
		if len(to) > 0 && len(to) < 3 {
			c.To = strings.Join(to, " and ")
		}
		return c, true
	case transfer.EventReject:
		return entry{Text: "No SIM can be transferred"}, true
	case transfer.EventReview:
		return entry{Text: "SIMs checked: support has to approve"}, true
	case transfer.EventOffer:
		return entry{Text: "SIMs checked: the destination can accept"}, true
	case transfer.EventApprove:
		return entry{Text: "approved", Quote: text("reason")}, true
	case transfer.EventDeny:
		return entry{Text: "denied", Quote: why}, true
	case transfer.EventAccept:
		if n := count("accepted"); n > 0 {
			some = " " + plural(n, "SIM")
		}
		return entry{Text: "accepted" + some, Quote: text("reason")}, true
	case transfer.EventDecline:
		return entry{Text: "declined" + some, Quote: why}, true
	case transfer.EventCancel:
		return entry{Text: "canceled" + some, Quote: why}, true
	case transfer.EventStart:
		return entry{Text: "The transfer begins"}, true
	case transfer.EventExtend:
		return entry{Text: "gave more time to decide"}, true
	case transfer.EventRemind:
		return entry{Text: fmt.Sprintf("Reminder: %d %% of the time to decide are over", count("percent"))}, true
	case transfer.EventExpire:
		return entry{Text: "The time is over"}, true
	case transfer.EventTakeBack:
		return entry{Text: "took the end of the request back"}, true
	case transfer.EventFinish:
		return entry{Text: "All done: " + plural(count("completed"), "SIM") + " moved"}, true
	case transfer.EventValidate, transfer.EventExecute, transfer.EventDropSessions, transfer.EventRelease:
	}
	return entry{}, false
}
