package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// A new transfer is made in three steps: what is sent, to whom, and a review. Each step
// is the answer to the form of the step before, which passes on everything that was
// chosen in hidden fields. Nothing is kept in the console, and nothing is created before
// the last button.
type transferStep int

const (
	stepWhat transferStep = iota + 1
	stepWhom
	stepReview
)

// transferView is a step of a new transfer.
type transferView struct {
	base

	Step    transferStep
	Picks   picks        // that were made so far
	Count   int          // SIMs that are picked
	Checked *checkedList // of step 1: what is wrong with the list; nil: nothing was checked
	Plans   []string

	Recent []recentDestination // of step 2

	Preview *client.Preview // of step 3
}

// recentDestination is an account that the source has sent a request to.
type recentDestination struct {
	Account transfer.OperatorID
	Request uuid.UUID // the latest of them
	Last    client.Request
	Times   int
}

// confirmAbove is the number of SIMs above which a person types their number to confirm
// a transfer. Below it, the number on the button has to do.
const confirmAbove = 100

// newTransfer begins a new transfer: with the SIMs of the address, or by choosing some.
func (v *visit) newTransfer() error {
	p, err := picksOf(v.r.URL.Query())
	if err != nil {
		return &refusedPage{err.Error()}
	}
	if p.Empty() {
		return v.showTransfer(transferView{base: base{v}, Picks: p}, stepWhat)
	}
	view := transferView{base: base{v}, Picks: p}
	if len(p.List) == 0 {
		return v.showTransfer(view, stepWhom)
	}
	checked, err := v.checkList(p.Account, kept(p.List), 0)
	if err != nil {
		return err
	}
	return v.showChecked(view, checked)
}

// showChecked continues with the SIMs of a list, or shows what is wrong with the list.
func (v *visit) showChecked(view transferView, checked *checkedList) error {
	view.Picks = picks{Account: view.Picks.Account, List: checked.Good}
	view.Count = checked.Selected
	if len(checked.Bad) > 0 || checked.Selected == 0 {
		view.Checked = checked
		v.status = http.StatusUnprocessableEntity
		return v.showTransfer(view, stepWhat)
	}
	return v.showTransfer(view, stepWhom)
}

// stepTransfer answers the form of a step.
func (v *visit) stepTransfer() error {
	// The page only depends on what was sent, so that the browser may show it again
	// when the person goes back.
	v.w.Header().Set("Cache-Control", "private, no-cache")
	p, err := picksOf(v.r.PostForm)
	if err != nil {
		return &refusedPage{err.Error()}
	}
	view := transferView{base: base{v}, Picks: p}
	switch v.r.PostForm.Get("go") {
	case "check":
		return v.checkWhat(view)
	case "bad.csv":
		return v.sendBad(view)
	case "what":
		return v.showTransfer(view, stepWhat)
	case "whom":
		return v.showTransfer(view, stepWhom)
	case "review":
		return v.showTransfer(view, stepReview)
	case "ineligible.csv":
		return v.sendIneligible(view)
	case "create":
		return v.createTransfer(view)
	}
	return &refusedPage{"This page has no such action."}
}

// showTransfer shows a step.
func (v *visit) showTransfer(view transferView, at transferStep) error {
	view.Step = at
	var err error
	switch at {
	case stepWhat:
		err = v.prepareWhat(&view)
	case stepWhom:
		err = v.prepareWhom(&view)
	case stepReview:
		if view.Preview == nil {
			return v.previewTransfer(view)
		}
	}
	if err != nil {
		return err
	}
	return v.show("new-transfer", view.Heading(), view)
}

// F returns the form of all steps: as it was refused, or as it was sent.
func (t transferView) F() form {
	if f := t.visit.failed; f != nil && f.Name == "transfer" {
		return *f
	}
	if t.visit.r.Method == http.MethodPost && t.visit.r.PostForm.Has("go") {
		return t.visit.posted("transfer")
	}
	return t.visit.form("transfer")
}

// Heading says what the step is about.
func (t transferView) Heading() string {
	return map[transferStep]string{stepWhat: "Which SIMs?", stepWhom: "To whom?", stepReview: "Review the transfer"}[t.Step]
}

// Statuses lists the statuses of SIMs.
func (transferView) Statuses() []transfer.Status { return transfer.Statuses() }

// transferTemplate sends an example of a file with SIMs.
func (v *visit) transferTemplate() error {
	return v.sendCSV("sims.csv", [][]string{{"iccid"}, {"8988211000000000011"}, {"8988211000000000029"}})
}

// ---- Step 1: what

func (v *visit) prepareWhat(view *transferView) error {
	plans, err := v.api.ListPlans(v.ctx())
	if err != nil {
		return err
	}
	for _, p := range plans.Items {
		view.Plans = append(view.Plans, p.Name)
	}
	if view.Checked == nil && len(view.Picks.List) > 0 {
		view.Count, err = v.countPicks(view.Picks)
	}
	return err
}

// checkWhat checks the SIMs that were chosen. If nothing is wrong, the next step follows.
func (v *visit) checkWhat(view transferView) error {
	f := v.posted("transfer")
	view.Picks.Account = f.Value(accountField)
	show := func() error { return v.showTransfer(view, stepWhat) }
	if f.Value("by") == "filter" {
		return v.checkFilter(view, f, show)
	}
	entries, field, err := v.listedEntries(f)
	var wrong *listError
	switch {
	case errors.As(err, &wrong):
		return v.wrong(f, show, field, wrong.text)
	case err != nil:
		return err
	}
	entries = append(kept(view.Picks.List), entries...)
	if len(entries) == 0 {
		return v.wrong(f, show, "paste", "paste the SIMs, or choose a file with them")
	}
	checked, err := v.checkList(view.Picks.Account, entries, 0)
	if err != nil {
		return v.refused(f, err, show)
	}
	return v.showChecked(view, checked)
}

// checkFilter takes the SIMs that match conditions, or all of the account.
func (v *visit) checkFilter(view transferView, f form, show func() error) error {
	view.Picks.List, view.Picks.All, view.Picks.Filter = nil, true, conditionsOf(v.r.PostForm)
	if len(queryOf(view.Picks.Filter)) == 0 && f.Value("every") == "" {
		view.Picks.All = false
		return v.wrong(f, show, "status", "give at least one condition, or tick that you want to send all SIMs of the account")
	}
	n, err := v.countPicks(view.Picks)
	if err != nil {
		return v.refused(f, err, show)
	}
	if n == 0 {
		view.Picks.All = false
		return v.wrong(f, show, "status", "no SIM matches these conditions")
	}
	view.Count = n
	return v.showTransfer(view, stepWhom)
}

// listedEntries reads the SIMs that were pasted, and those of the file. The field is
// where an error belongs.
func (v *visit) listedEntries(f form) (entries []listEntry, field string, err error) {
	if entries, err = readList(f.Value("paste")); err != nil {
		return nil, "paste", err
	}
	file, _, err := v.r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return entries, "", nil
	}
	if err != nil {
		return nil, "file", fmt.Errorf("opening an uploaded file: %w", err)
	}
	defer func() { _ = file.Close() }()
	more, err := readFile(file)
	if err == nil && len(more) == 0 {
		err = &listError{"the file has no SIMs"}
	}
	return append(entries, more...), "file", err
}

// sendBad sends what is wrong with the list of step 1 as a file.
func (v *visit) sendBad(view transferView) error {
	entries, err := readWrong(v.posted("transfer").Value(wrongField))
	if err != nil {
		return &refusedPage{"The list of this page is damaged: check the SIMs again."}
	}
	checked, err := v.checkList(view.Picks.Account, entries, 0)
	if err != nil {
		return err
	}
	return v.sendWrongEntries(checked)
}

// ---- Step 2: to whom

// recentRequests is among how many requests recent destinations are looked for.
const recentRequests = 100

// shownRecent is how many recent destinations are shown.
const shownRecent = 6

func (v *visit) prepareWhom(view *transferView) error {
	var err error
	if view.Count == 0 {
		if view.Count, err = v.countPicks(view.Picks); err != nil {
			return err
		}
	}
	filter := client.RequestFilter{Direction: "outgoing", Account: transfer.AccountRef(view.Picks.Account)}
	if v.me.IsAccount() {
		filter.Account = ""
	} else if view.Picks.Account == "" {
		return nil
	}
	page, err := v.api.ListRequests(v.ctx(), filter, client.Paging{Limit: recentRequests})
	if err != nil {
		return err
	}
	places := map[transfer.OperatorID]int{}
	for _, r := range page.Items {
		if i, known := places[r.Destination]; known {
			view.Recent[i].Times++
			continue
		}
		places[r.Destination] = len(view.Recent)
		view.Recent = append(view.Recent, recentDestination{r.Destination, r.ID, r, 1})
	}
	view.Recent = view.Recent[:min(len(view.Recent), shownRecent)]
	return nil
}

// To returns which kind of destination is chosen: the id of a request, new or code.
func (t transferView) To() string {
	if to := t.F().Value("to"); to != "" {
		return to
	}
	if len(t.Recent) == 0 {
		return "new"
	}
	return ""
}

// Periods lists the times to accept.
func (t transferView) Periods() []choice {
	return []choice{
		{"", "The default, usually 1 day"},
		{"3600", "1 hour"},
		{"14400", "4 hours"},
		{"86400", "1 day"},
		{"259200", "3 days"},
		{"604800", "7 days"},
		{"1209600", "14 days"},
		{"2592000", "30 days"},
	}
}

// CodePeriods lists the times for which a transfer code can be valid.
func (t transferView) CodePeriods() []choice {
	return []choice{{"3600", "1 hour"}, {"14400", "4 hours"}, {"86400", "1 day"}, {"259200", "3 days"}, {"604800", "7 days"}}
}

// newRequest returns the request that the form asks for. A field is wrong if its name is
// not empty.
func (t transferView) newRequest(f form) (r client.NewRequest, field, message string) {
	t.Picks.selectInto(&r)
	r.Message, r.Reference, r.UniqueReference, r.SelfServiceOnly = f.Value("message"), f.Value("reference"), f.Value("unique_reference") != "", f.Value("self_service_only") != ""
	r.OnBehalfOf = transfer.AccountRef(t.Picks.Account)
	if seconds := f.Value("acceptance_seconds"); seconds != "" {
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return r, "acceptance_seconds", "choose one of the times"
		}
		r.AcceptanceSeconds = n
	}
	switch to := f.Value("to"); to {
	case "":
		return r, "to", "choose a destination"
	case "code":
	case "new":
		r.Destination.Email, r.Destination.OperatorID = f.Value("destination.email"), transfer.AccountRef(f.Value("destination.operator_id"))
	default:
		id, err := uuid.Parse(to)
		if err != nil {
			return r, "to", "choose a destination"
		}
		r.Destination.SameAs = &id
	}
	return r, "", ""
}

// ---- Step 3: review

// previewTransfer shows what the transfer would do.
func (v *visit) previewTransfer(view transferView) error {
	f := v.posted("transfer")
	if v.failed != nil {
		f = *v.failed
	}
	back := func() error { return v.showTransfer(view, stepWhom) }
	r, field, message := view.newRequest(f)
	if field != "" {
		return v.wrong(f, back, field, message)
	}
	if f.Value("to") == "code" {
		return v.reviewCode(view)
	}
	p, err := v.api.PreviewRequest(v.ctx(), r, client.PreviewedItems("ineligible"))
	if err != nil {
		v.failed = nil
		return v.refused(f, err, back)
	}
	view.Preview, view.Count = &p, p.Selected
	return v.showTransfer(view, stepReview)
}

// reviewCode shows what a transfer code would be for: no destination is known, so
// nothing can be previewed.
func (v *visit) reviewCode(view transferView) error {
	var err error
	if view.Count, err = v.countPicks(view.Picks); err != nil {
		return err
	}
	view.Step = stepReview
	return v.show("new-transfer", view.Heading(), view)
}

// IsCode reports whether a transfer code is made.
func (t transferView) IsCode() bool { return t.F().Value("to") == "code" }

// Total returns the preview's total of a method, nil if no SIM has it.
func (t transferView) Total(method string) *client.PreviewTotal {
	for _, total := range t.Preview.Totals {
		if string(total.Method) == method {
			return &total
		}
	}
	return nil
}

// Settings lists which settings a method keeps and resets.
func (t transferView) Settings(method string) client.MethodSettings {
	for _, s := range t.Preview.Settings {
		if string(s.Method) == method {
			return s
		}
	}
	return client.MethodSettings{}
}

// Ineligible returns the first of the SIMs that cannot be transferred.
func (t transferView) Ineligible() []client.PreviewedSIM {
	return t.Preview.Items[:min(len(t.Preview.Items), shownErrors)]
}

// ToConfirm is the number of SIMs that the last button names, and that is typed to confirm
// a large transfer.
func (t transferView) ToConfirm() int {
	if t.Preview != nil {
		return t.Preview.Eligible
	}
	return t.Count
}

// MustConfirm reports whether the number of SIMs has to be typed.
func (t transferView) MustConfirm() bool { return t.ToConfirm() > confirmAbove }

// Button says what the last button does.
func (t transferView) Button() string {
	switch {
	case t.IsCode():
		return "Make a code for " + plural(t.Count, "SIM")
	case t.Preview.Requests > 1:
		return fmt.Sprintf("Transfer %s in %d requests", plural(t.Preview.Eligible, "SIM"), t.Preview.Requests)
	}
	return "Transfer " + plural(t.Preview.Eligible, "SIM")
}

// Destination returns the destination in words.
func (t transferView) Destination() string {
	if t.Preview != nil {
		return string(t.Preview.Destination)
	}
	return ""
}

// AcceptIn returns the time to accept in words.
func (t transferView) AcceptIn() string {
	for _, c := range t.Periods() {
		if c.Value == t.F().Value("acceptance_seconds") {
			return c.Text
		}
	}
	return t.F().Value("acceptance_seconds") + " seconds"
}

// Command returns the last step as texts.
func (t transferView) Command() program {
	f := t.F()
	r, _, _ := t.newRequest(f)
	if len(r.SIMs) > 20 {
		r.SIMs = append(r.SIMs[:20:20], "…")
	}
	r.ExpectCount = &t.Count
	if t.IsCode() {
		body, err := json.Marshal(codeOf(r, f))
		if err != nil {
			return program{}
		}
		words := []string{"codes create"}
		if seconds := codeOf(r, f).ValidSeconds; seconds > 0 {
			words = append(words, fmt.Sprintf("--valid=%ds", seconds))
		}
		return t.Program("POST", "/v1/transfer-codes", string(body), strings.Join(append(words, t.terms(r)...), " "))
	}
	body, err := json.Marshal(r)
	if err != nil {
		return program{}
	}
	to := "--to-email=" + shellWord(r.Destination.Email) + " --to-operator=" + shellWord(string(r.Destination.OperatorID))
	if r.Destination.SameAs != nil {
		to = "--to-same-as=" + r.Destination.SameAs.String()
	}
	words := []string{"requests create", to}
	path := "/v1/transfer-requests"
	if t.Preview != nil && t.Preview.Requests > 1 {
		words[0], path = "batches create", "/v1/batches/from-selection"
	}
	if r.OnBehalfOf != "" {
		words = append(words, "--on-behalf-of="+shellWord(string(r.OnBehalfOf)))
	}
	words = append(words, t.terms(r)...)
	return t.Program("POST", path, string(body), strings.Join(words, " "))
}

// terms returns the arguments of the command line that requests and codes have in common.
func (t transferView) terms(r client.NewRequest) []string {
	var words []string
	if r.AcceptanceSeconds > 0 {
		words = append(words, fmt.Sprintf("--acceptance=%ds", r.AcceptanceSeconds))
	}
	if r.SelfServiceOnly {
		words = append(words, "--self-service-only")
	}
	if r.Reference != "" {
		words = append(words, "--reference="+shellWord(r.Reference))
	}
	if r.Message != "" {
		words = append(words, "--message="+shellWord(r.Message))
	}
	return append(words, fmt.Sprintf("--expect-count=%d", t.Count), t.Picks.command())
}

// sendIneligible sends the SIMs that cannot be transferred as a file.
func (v *visit) sendIneligible(view transferView) error {
	r, field, message := view.newRequest(v.posted("transfer"))
	if field != "" {
		return &refusedPage{message}
	}
	p, err := v.api.PreviewRequest(v.ctx(), r, client.PreviewedItems("ineligible"))
	if err != nil {
		return err
	}
	rows := [][]string{{"sim", "iccid", "status", "reason", "remedy"}}
	for _, item := range p.Items {
		rows = append(rows, []string{safeCell(item.Identifier), item.ICCID, string(item.Status), string(item.Reason), item.Remedy})
	}
	return v.sendCSV("ineligible-sims.csv", rows)
}

// createTransfer creates what was reviewed: a request, a batch or a transfer code.
func (v *visit) createTransfer(view transferView) error {
	f := v.posted("transfer")
	again := func() error { return v.showTransfer(view, stepReview) }
	r, field, message := view.newRequest(f)
	if field != "" {
		return v.wrong(f, func() error { return v.showTransfer(view, stepWhom) }, field, message)
	}
	expected, err := numberIn(f.Value("expect"))
	if err != nil {
		return v.wrong(f, again, "confirm", "the page does not say how many SIMs it is about: look at them again")
	}
	toConfirm, err := numberIn(f.Value("moves"))
	if err != nil {
		toConfirm = expected
	}
	if typed, err := numberIn(f.Value("confirm")); toConfirm > confirmAbove && (err != nil || typed != toConfirm) {
		return v.wrong(f, again, "confirm", fmt.Sprintf("type %d to confirm: the number of SIMs", toConfirm))
	}
	r.ExpectCount = &expected
	if f.Value("to") == "code" {
		return v.createCode(view, r, f, again)
	}
	path := ""
	if expected > transfer.MaxRequestSIMs {
		var b client.Batch
		b, err = v.api.CreateBatchFromSelection(v.ctx(), r, f.Option())
		path = "/batches/" + b.ID.String()
	} else {
		var made client.Request
		made, err = v.api.CreateRequest(v.ctx(), r, f.Option())
		path = "/requests/" + made.ID.String()
	}
	if err != nil {
		return v.refused(f, err, again)
	}
	return v.redirect(path, "The transfer was created. Below you see its progress.")
}
