package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

type requestsCommand struct {
	Create   requestsCreateCommand   `cmd:"" help:"Create a transfer request (source)."`
	List     requestsListCommand     `cmd:"" help:"List transfer requests."`
	Queue    requestsQueueCommand    `cmd:"" help:"List the requests that wait for support, the most urgent first (support)."`
	Show     requestsShowCommand     `cmd:"" help:"Show a transfer request."`
	Watch    requestsWatchCommand    `cmd:"" help:"Follow a transfer request until it is finished."`
	Accept   requestsAcceptCommand   `cmd:"" help:"Accept all or some SIMs of a request (destination)."`
	Decline  requestsDeclineCommand  `cmd:"" help:"Decline all or some SIMs of a request (destination)."`
	Cancel   requestsCancelCommand   `cmd:"" help:"Cancel all or some SIMs of a request (source or support)."`
	Extend   requestsExtendCommand   `cmd:"" help:"Give more time to decide on a request (source or support)."`
	TakeBack requestsTakeBackCommand `cmd:"" help:"Take back a cancel, decline or denial within ten minutes (the party that made it)."`
	Approve  requestsApproveCommand  `cmd:"" help:"Approve requests (support)."`
	Deny     requestsDenyCommand     `cmd:"" help:"Deny requests (support)."`
	Retry    requestsRetryCommand    `cmd:"" help:"Create a request for the SIMs that were not transferred (source or support)."`
	Comment  requestsCommentCommand  `cmd:"" help:"Write a comment on a request."`
	Comments requestsCommentsCommand `cmd:"" help:"List the comments on a request."`
	Results  requestsResultsCommand  `cmd:"" help:"Write the results of all SIMs as CSV or NDJSON."`
}

// countsText lists the states that SIMs are in, with their numbers.
func countsText(c client.Counts) string {
	var list []string
	for _, s := range []struct {
		state string
		n     int
	}{
		{"pending", c.Pending},
		{"eligible", c.Eligible},
		{"completed", c.Completed},
		{"ineligible", c.Ineligible},
		{"failed", c.Failed},
		{"canceled", c.Canceled},
		{"declined", c.Declined},
		{"denied", c.Denied},
		{"expired", c.Expired},
	} {
		if s.n > 0 {
			list = append(list, fmt.Sprintf("%d %s", s.n, s.state))
		}
	}
	text := fmt.Sprintf("%d: %s", c.SIMs, strings.Join(list, ", "))
	if c.Purged > 0 {
		text += fmt.Sprintf(" (%d no longer stored)", c.Purged)
	}
	return text
}

// stateText is the state of a request, with the deadline if there is one, and
// with the outcome if not every SIM of a completed request was transferred.
func stateText(r client.Request) string {
	text := string(r.State)
	switch next := r.NextAction; {
	case next != nil:
		text += " until " + timeText(next.Until)
	case r.State == transfer.Scheduled && r.NotBefore != nil:
		text += " for " + timeText(*r.NotBefore)
	}
	if r.State == transfer.RequestCompleted && r.Outcome != transfer.AllMoved {
		text += ", " + outcomeText(r.Outcome, r.Counts)
	}
	return text
}

// outcomeText says how many SIMs of something finished were transferred.
func outcomeText(o transfer.Outcome, c client.Counts) string {
	switch o {
	case transfer.AllMoved:
		return "all SIMs transferred"
	case transfer.SomeMoved:
		return fmt.Sprintf("%d of %d SIMs transferred", c.Completed, c.SIMs)
	case transfer.NoneMoved:
		return "no SIM transferred"
	}
	return "" // not finished
}

// nextText says whose turn it is, and what that party can do.
func nextText(n *client.NextAction) string {
	if n == nil {
		return ""
	}
	acts := make([]string, len(n.Acts))
	for i, a := range n.Acts {
		acts[i] = string(a)
	}
	return fmt.Sprintf("%s: %s, until %s", n.Party, orText(acts), timeText(n.Until))
}

// orText joins words to "accept or decline".
func orText(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// allowedText lists what the caller can do with a request.
func allowedText(r client.Request) string {
	var acts []string
	for _, a := range []struct {
		event transfer.Event
		can   bool
	}{
		{transfer.Accept, r.CanAccept},
		{transfer.Decline, r.CanDecline},
		{transfer.Approve, valueOrZero(r.CanApprove)},
		{transfer.Deny, valueOrZero(r.CanDeny)},
		{transfer.Cancel, r.CanCancel},
		{transfer.Extend, r.CanExtend},
		{transfer.TakeBack, r.CanTakeBack},
	} {
		if !a.can {
			continue
		}
		act := strings.ReplaceAll(string(a.event), "_", " ")
		if a.event == transfer.Accept && r.CanApprove != nil {
			act += " on behalf"
		}
		acts = append(acts, act)
	}
	return orText(acts)
}

// refusedText lists what the caller cannot do with a request although another
// caller can in its state, and why.
func refusedText(r client.Request) string {
	var list []string
	for _, event := range slices.Sorted(maps.Keys(r.WhyNot)) {
		if !r.State.Allows(transfer.Event(event)) || event == string(transfer.TakeBack) {
			continue // as the state shows, or the row Take back
		}
		list = append(list, event+" ("+r.WhyNot[event]+")")
	}
	return strings.Join(list, ", ")
}

// sourceText is the account that sends the SIMs of a request.
func sourceText(r client.Request) string {
	if r.SourceName == "" {
		return string(r.Source)
	}
	return fmt.Sprintf("%s (%s)", r.Source, r.SourceName)
}

func printRequest(l *connection, r client.Request) error {
	t := newTable(l.Out)
	t.add("Request", r.ID.String())
	t.add("State", string(r.State))
	for _, row := range []struct{ name, value string }{
		{"Outcome", outcomeText(r.Outcome, r.Counts)},
		{"Next", nextText(r.NextAction)},
		{"You can", allowedText(r)},
		{"You cannot", refusedText(r)},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	t.add("From", sourceText(r))
	t.add("To", string(r.Destination))
	t.add("SIMs", countsText(r.Counts))
	if m := r.Monthly; m != nil {
		text := m.Total.String()
		if m.Unpriced > 0 {
			text += fmt.Sprintf(", without %d SIMs whose plans have no price", m.Unpriced)
		}
		t.add("A month", text)
	}
	for _, row := range []struct{ name, value string }{
		{"Reference", r.Reference},
		{"Message", r.Message},
		{"Decision", decisionText(r.Decision)},
		{"Accepted", onBehalfText(r.AcceptedOnBehalf)},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	if f := r.Fees; f != nil && r.State != transfer.Validating { // there is no quote before
		fees := f.Charged.String() + " charged"
		if r.FinishedAt == nil {
			fees = f.Quoted.String() + " quoted, " + fees
		}
		if f.Unquoted > 0 {
			fees += fmt.Sprintf(", %d SIMs without a quote", f.Unquoted)
		}
		t.add("Fees", fees)
		if r.FeeOverride != nil {
			t.add("Fee per SIM", fmt.Sprintf("%s (%s)", r.FeeOverride, r.FeeReason))
		}
	}
	for _, row := range []struct{ name, value string }{
		{"Set on arrival", landingText(r.Landing)},
		{"Plans on arrival", landingPlansText(r.LandingPlans)},
		{"Ticket", r.Ticket},
		{"Batch", optionalID(r.Batch)},
		{"Retry of", optionalID(r.RetryOf)},
		{"Made from", madeFromText(r.MadeFrom)},
		{"Retried by", strings.Join(r.RetriedBy, ", ")},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	t.add("Created", timeText(r.CreatedAt))
	if r.State == transfer.Scheduled {
		if r.NotBefore != nil {
			t.add("Not before", timeText(*r.NotBefore))
		}
		if r.NotAfter != nil {
			t.add("Not after", timeText(*r.NotAfter))
		}
	}
	if b := r.TakeBack; b != nil {
		by := "support"
		if b.By != transfer.PartySupport {
			by = "the " + string(b.By)
		}
		t.add("Take back", fmt.Sprintf("by %s until %s", by, timeText(b.Until)))
	}
	if r.FinishedAt != nil {
		t.add("Finished", timeText(*r.FinishedAt))
	}
	if err := t.flush(); err != nil {
		return err
	}
	return printReasons(l, r.Reasons)
}

// madeFromText is what a request comes of; nil is empty.
func madeFromText(m *client.MadeFrom) string {
	switch {
	case m == nil:
		return ""
	case m.PullRequest != nil:
		return "pull request " + m.PullRequest.String()
	}
	return "transfer code " + optionalID(m.TransferCode)
}

// onBehalfText says that support accepted, and why; nil is empty.
func onBehalfText(b *client.AcceptedOnBehalf) string {
	if b == nil {
		return ""
	}
	text := "by support, on behalf of the destination: " + b.Reason
	if b.Ticket != "" {
		text += " (" + b.Ticket + ")"
	}
	return text
}

// decisionText is why a request was ended; nil is empty.
func decisionText(d *client.DecisionWords) string {
	switch {
	case d == nil:
		return ""
	case d.Code != "" && d.Reason != "":
		return string(d.Code) + ": " + d.Reason
	}
	return string(d.Code) + d.Reason
}

func printReasons(l *connection, reasons []client.ReasonCount) error {
	if len(reasons) == 0 {
		return nil
	}
	fmt.Fprintln(l.Out)
	t := newTable(l.Out, "SIMS", "STATE", "REASON", "REMEDY")
	for _, r := range reasons {
		t.add(strconv.Itoa(r.Count), string(r.State), string(r.Reason), r.Remedy)
	}
	return t.flush()
}

type requestsListCommand struct {
	paging
	Direction string                  `enum:"outgoing,incoming,both" default:"both" help:"Requests that the account sent (outgoing), received (incoming), or both."`
	State     []transfer.RequestState `enum:"${request_states}" placeholder:"STATE" help:"Only requests in this state, such as in_review or awaiting_acceptance. Separate several with commas, or repeat the flag."`
	Account   accountRef              `placeholder:"OP…" help:"Only requests of this account (support)."`
	Batch     string                  `placeholder:"ID" help:"Only requests of this batch."`
	Ticket    string                  `help:"Only requests that were approved with this reference (support)."`
	SIM       simOrEID                `name:"sim" help:"Only requests for this SIM: an ICCID, IMSI or MSISDN; or for the SIMs on this EID."`
	By        string                  `placeholder:"WHO" help:"Only requests on which this API key or person acted: the id or name of a key, or the name or email of a person."`
	Reason    []transfer.Reason       `enum:"${reasons}" placeholder:"REASON" help:"Only requests with a SIM that was not transferred for this reason, such as sim_locked, or for one of several separated by commas."`
	Method    []transfer.Method       `enum:"${methods}" placeholder:"METHOD" help:"Only requests with a SIM that has this method: self_service or support_assisted."`
	Reference string                  `help:"Only requests that have this reference, or a SIM with it."`
	Code      []transfer.DecisionCode `enum:"${decision_codes}" placeholder:"CODE" help:"Only requests that were declined, denied or canceled, as a whole or in part, with this code, such as duplicate, or with one of several separated by commas."`
	Since     time.Time               `placeholder:"TIME" help:"Only requests created at or after this time, such as 2030-01-31 or 2030-01-31T14:30+01:00. Without a zone, the time is in UTC."`
	Before    time.Time               `placeholder:"TIME" help:"Only requests created before this time."`
	queue     bool                    // with the columns of the queue
	Sort      string                  `enum:"newest,oldest,deadline" default:"newest" help:"Order: newest first, oldest first, or by deadline: only requests that wait for a decision or for their window, those whose time ends first at the beginning."`
	remote
}

// Help returns the detailed help.
func (requestsListCommand) Help() string {
	return `Lists the latest requests first.

Examples:

    simtransfer requests list --direction=incoming --state=in_review,awaiting_acceptance
    simtransfer requests list --state=in_review --all
    simtransfer requests list --reference=PO-4711
    simtransfer requests list --by="support desk"
    simtransfer requests list --state=awaiting_acceptance --sort=deadline
    simtransfer requests list --sim=8988211000000000011 --since=2030-01-31T00:00:00Z`
}

// Run runs the command.
func (c *requestsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.RequestFilter{
		Direction:     c.Direction,
		Account:       c.Account.ref(),
		States:        c.State,
		Batch:         c.Batch,
		Ticket:        c.Ticket,
		SIM:           string(c.SIM),
		By:            c.By,
		Reasons:       c.Reason,
		Methods:       c.Method,
		Reference:     c.Reference,
		Codes:         c.Code,
		CreatedAfter:  c.Since,
		CreatedBefore: c.Before,
	}
	if c.Sort != "newest" {
		filter.Sort = c.Sort
	}
	if c.Sort == "deadline" || c.queue {
		return printList(l, c.paging, maxPage, listRequests(ctx, l, filter), queueColumns(), queueRow)
	}
	return printList(l, c.paging, maxPage, listRequests(ctx, l, filter), requestColumns(), requestRow)
}

type requestsQueueCommand struct {
	paging
	Account accountRef `placeholder:"OP…" help:"Only requests of this account."`
	Sort    string     `enum:"deadline,oldest,newest" default:"deadline" help:"Order: those whose time for review ends first, the oldest first, or the newest first."`
	remote
}

// Help returns the detailed help.
func (requestsQueueCommand) Help() string {
	return `Lists the requests that wait for support, those whose time for review ends first at the beginning: requests list --state=in_review --sort=deadline.

Examples:

    simtransfer requests queue
    simtransfer requests queue --sort=oldest
    simtransfer requests queue --account=OP0000000001 --all`
}

// Run runs the command.
func (c *requestsQueueCommand) Run(ctx context.Context, s *Session) error {
	list := requestsListCommand{
		paging: c.paging, Direction: "both", State: []transfer.RequestState{transfer.InReview}, Account: c.Account, Sort: c.Sort, queue: true, remote: c.remote,
	}
	return list.Run(ctx, s)
}

func queueColumns() []string {
	return []string{"REQUEST", "FROM", "TO", "OPEN", "NEED SUPPORT", "FEES", "UNTIL", "STATE"}
}

func queueRow(r client.Request) []string {
	fees, until := "", ""
	if r.Fees != nil {
		fees = r.Fees.Quoted.String()
	}
	if r.ExpiresAt != nil {
		until = timeText(*r.ExpiresAt)
	}
	return []string{
		r.ID.String(), string(r.Source), string(r.Destination), strconv.Itoa(r.Counts.Pending + r.Counts.Eligible), strconv.Itoa(r.Counts.Support),
		fees, until, string(r.State),
	}
}

func listRequests(ctx context.Context, l *connection, filter client.RequestFilter) listFunc[client.Request] {
	return func(p client.Paging) (client.Page[client.Request], error) {
		return l.client.ListRequests(ctx, filter, p, l.options()...)
	}
}

func requestColumns() []string {
	return []string{"REQUEST", "FROM", "TO", "SIMS", "OPEN", "COMPLETED", "STATE"}
}

func requestRow(r client.Request) []string {
	return []string{
		r.ID.String(),
		string(r.Source),
		string(r.Destination),
		strconv.Itoa(r.Counts.SIMs),
		strconv.Itoa(r.Counts.Pending + r.Counts.Eligible),
		strconv.Itoa(r.Counts.Completed),
		stateText(r),
	}
}

type requestsShowCommand struct {
	IDs  []uuid.UUID `arg:"" name:"id" help:"Ids of the requests."`
	SIMs bool        `name:"sims" help:"Also list its SIMs, with the state of each."`
	transferConditions
	showsETag
	remote
}

// Validate implements kong's validation.
func (c *requestsShowCommand) Validate() error {
	if c.ETag && c.SIMs {
		return usageError("--etag prints only the ETag: leave out --sims")
	}
	if !c.SIMs && len(c.State)+len(c.Reason)+len(c.Method)+len(c.Code) > 0 {
		return usageError("--state, --reason, --method and --code select SIMs: add --sims")
	}
	return nil
}

// Help returns the detailed help.
func (requestsShowCommand) Help() string {
	return `Examples:

    simtransfer requests show 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests show 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sims --state=ineligible`
}

// Run runs the command.
func (c *requestsShowCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, c.IDs, func(id uuid.UUID) error { return c.one(ctx, l, id) })
}

// one shows a request.
func (c *requestsShowCommand) one(ctx context.Context, l *connection, id uuid.UUID) error {
	var shown client.Request
	err := showTo(l, c.showsETag, func(options ...client.Option) (r client.Request, err error) {
		shown, err = l.client.GetRequest(ctx, id, options...)
		return shown, err
	}, printRequest)
	if err != nil || !c.SIMs {
		return err
	}
	if !l.json {
		fmt.Fprintln(l.Out)
	}
	list := func(p client.Paging) (client.Page[client.Transfer], error) {
		return l.client.ListTransfers(ctx, id, c.filter(), p, l.options()...)
	}
	columns := transferColumns(shown)
	head := make([]string, len(columns))
	for i, column := range columns {
		head[i] = column.name
	}
	return printList(l, paging{All: true}, maxTransfersPage, list, head, func(t client.Transfer) []string {
		cells := make([]string, len(columns))
		for i, column := range columns {
			cells[i] = column.value(t)
		}
		return cells
	})
}

type transferColumn struct {
	name  string
	value func(client.Transfer) string
}

// transferColumns are the columns of the SIMs of a request that can have values
// for the caller.
func transferColumns(r client.Request) []transferColumn {
	columns := []transferColumn{
		{"LINE", func(t client.Transfer) string { return strconv.Itoa(t.Line) }},
		{"SIM", func(t client.Transfer) string { return t.Identifier }},
		{"ICCID", func(t client.Transfer) string { return t.ICCID }},
		{"STATE", func(t client.Transfer) string { return string(t.State) }},
	}
	if !r.State.Final() {
		columns = append(columns,
			transferColumn{"STATUS", func(t client.Transfer) string { return string(t.Status) }},
			transferColumn{"PLAN", openPlanText},
		)
		if r.Fees == nil || r.CanApprove != nil { // for the destination, and support
			columns = append(columns, transferColumn{"A MONTH", monthText}, transferColumn{"SESSION", sessionText})
		}
	}
	columns = append(columns, transferColumn{"METHOD", func(t client.Transfer) string { return string(t.Method) }})
	if r.Fees != nil {
		columns = append(columns, transferColumn{"FEE", func(t client.Transfer) string { return feeText(t.Fee) }})
	}
	columns = append(columns, transferColumn{"REFERENCE", func(t client.Transfer) string { return t.Reference }})
	return append(columns, transferColumn{"REASON OR ADVICE", func(t client.Transfer) string { return cmp.Or(string(t.Reason), string(t.Code), t.Advice) }})
}

// openPlanText is the plan of a SIM, and the one on which it lands if that is another.
func openPlanText(t client.Transfer) string {
	if t.Arrival == nil || t.Arrival.Plan == t.Plan {
		return t.Plan
	}
	return t.Plan + " → " + t.Arrival.Plan
}

// monthText is what a SIM costs the destination a month.
func monthText(t client.Transfer) string {
	if t.Arrival == nil {
		return ""
	}
	return feeText(t.Arrival.MonthlyPrice)
}

// sessionText says whether a transfer drops a data session of the SIM.
func sessionText(t client.Transfer) string {
	if t.Arrival != nil && t.Arrival.DropsSession {
		return "is dropped"
	}
	return ""
}
