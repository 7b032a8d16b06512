package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type importInput struct {
	Idempotent
	Mapped
	File body
}

// Imported is how many SIMs an import created.
type Imported struct {
	Imported int64 `json:"imported"`
}

// importSIMs keeps the file in a temporary file, because no transaction may wait for
// a client, and reads it again for each step, so that no more than a row is in
// memory. It imports all SIMs in one transaction.
func (s *server) importSIMs(ctx context.Context, in *importInput) (*reply[Imported], error) {
	file := simFile{columns: simUpload().uploadColumns()}
	defer file.close()
	release, err := s.readUpload(ctx, s.imports, in.Mapped, &in.File, file.columns, func(r io.Reader, format upload.Format, names upload.Names) (err error) {
		file.format, file.names = format, names
		file.spool, _, err = s.spools.receive(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer release()
	if err := file.read(func(upload.Place, storage.NewSIM) bool { return true }); err != nil {
		return nil, err
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[Imported]) error {
		file.err = nil
		n, err := t.ImportSIMs(ctx, actingCaller(ctx), file.sims)
		if file.err != nil {
			return file.err
		}
		out.Status, out.Body = 201, Imported{n}
		return file.withLines(err)
	})
}

// simFile is the file of an import.
type simFile struct {
	spool   *spool // nil until the file has arrived
	format  upload.Format
	columns []upload.Column
	names   upload.Names
	err     error // why sims has ended early
}

func (f *simFile) close() {
	if f.spool != nil {
		f.spool.close()
	}
}

// read calls each with every SIM until it returns false. It returns an
// *upload.Invalid if rows have errors.
func (f *simFile) read(each func(upload.Place, storage.NewSIM) bool) error {
	reader, err := f.spool.rewind()
	if err != nil {
		return err
	}
	records := upload.NewRecords(reader, f.format, f.columns, f.names, upload.Limits{})
	for record := range records.All() {
		sim := simParser{record, f.columns, func(column string, code upload.Code, problem string) {
			records.Refuse(record.Place, column, code, problem)
		}}.sim()
		if !records.Refused() && !each(record.Place, sim) {
			return nil
		}
	}
	return records.Err()
}

// sims yields the SIMs of a file without errors.
func (f *simFile) sims(yield func(storage.NewSIM) bool) {
	if err := f.read(func(_ upload.Place, sim storage.NewSIM) bool { return yield(sim) }); err != nil {
		f.err = err
	}
}

// withLines turns an error about SIMs into one about lines of the file.
func (f *simFile) withLines(err error) error {
	var wrong *storage.ImportError
	if !errors.As(err, &wrong) {
		return err
	}
	places := map[int64]upload.Place{} // of the SIMs with errors
	for _, e := range wrong.Rows {
		for _, row := range e.Rows {
			places[row] = upload.Place{}
		}
	}
	n := int64(0)
	if err := f.read(func(place upload.Place, _ storage.NewSIM) bool {
		if _, is := places[n]; is {
			places[n] = place
		}
		n++
		return true
	}); err != nil {
		return err
	}
	invalid := upload.Invalid{More: wrong.More}
	for _, e := range wrong.Rows {
		line := upload.RowError{Place: places[e.Rows[0]], Column: rowErrorColumn(e), Code: upload.Code(e.Code), Problem: rowErrorMessage(e), Again: e.Count - 1, Example: e.Example}
		for _, row := range e.Rows[1:] {
			line.Others = append(line.Others, places[row])
		}
		invalid.Add(line)
	}
	return &invalid
}

// rowErrorColumn returns the column of the upload that an error is in.
func rowErrorColumn(e storage.RowError) string {
	if e.Field == "imsi" || e.Field == "msisdn" {
		return e.Field + "s"
	}
	return e.Field
}

// uploadError returns a problem for a file that did not arrive completely, and
// any other error as it is.
func uploadError(ctx context.Context, err error) error {
	var invalid *upload.Invalid
	var tooLarge *upload.TooLarge
	var refused *problem.Problem
	var tooManyBytes *http.MaxBytesError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &invalid), errors.As(err, &tooLarge), errors.As(err, &refused), errors.As(err, &tooManyBytes):
		return err
	case endedBy(ctx) != nil:
		return endedBy(ctx)
	case errors.As(err, &timeout) && timeout.Timeout():
		return problem.New(problem.BodyTooSlow, fmt.Sprintf("the upload did not arrive within %s: send it over a faster connection, or split it into several", uploadTimeout))
	case err != nil:
		return problem.New(problem.Malformed, "the upload is incomplete: the connection ended before the whole file arrived. Send it again")
	}
	return nil
}

// The columns of an import, as indexes into a record.
const (
	colICCID = iota
	colIMSIs
	colMSISDNs
	colAccount
	colStatus
	colPlan
	colTags
	colExpiration
	colProtection
	colGroup
	colEventHandlers
	colSpeedClass
	colContainers
	colIMEILock
	colTransferLock
	colEID
	colLot
	colExternalID
	colSince     // of an export; ignored
	colUpdatedAt // of an export; ignored
	colAccountID // of an export; ignored
)

func simUpload() *uploadDoc {
	return &uploadDoc{
		text: "The SIMs, as CSV, NDJSON or JSON: up to 1,000,000 rows and 128 MiB. All rows are imported, or none if a row has an error.",
		columns: []uploadColumn{
			colICCID:         {columnOfICCID, true, upload.Text, "18 to 22 digits."},
			colIMSIs:         {"imsis", true, upload.List, "One or more IMSIs, separated by semicolons."},
			colMSISDNs:       {"msisdns", false, upload.List, "MSISDNs, separated by semicolons."},
			colAccount:       {"account", true, upload.Text, "The operator id or the external id of the account that the SIM is registered to."},
			colStatus:        {"status", false, upload.Text, "ready, active, inactive, standby, suspended or terminated. Default: ready."},
			colPlan:          {"plan", true, upload.Text, "The name of an existing plan."},
			colTags:          {"tags", false, upload.Map, "Up to 64 tags as name=value, separated by semicolons. A name can have up to 128 characters, a value up to 256."},
			colExpiration:    {"expiration", false, upload.Text, "A time such as 2030-01-31T00:00:00Z, or a date. Without a zone, it is in UTC."},
			colProtection:    {"termination_protection", false, upload.Flag, "true or false. Default: false."},
			colGroup:         {"group", false, upload.Text, "The group that the SIM is in, up to 128 characters."},
			colEventHandlers: {"event_handlers", false, upload.List, "Up to 64 event handlers, separated by semicolons."},
			colSpeedClass:    {"speed_class", false, upload.Text, "The speed class, up to 128 characters."},
			colContainers:    {"containers", false, upload.List, "Up to 64 subscription containers, separated by semicolons."},
			colIMEILock:      {"imei_lock", false, upload.Text, "The IMEI to which the SIM is locked: 14 digits, 15 with the check digit, or 16 (an IMEISV)."},
			colTransferLock:  {"transfer_lock", false, upload.Flag, "true or false: true prevents transfers of the SIM. Default: false."},
			colEID:           {"eid", false, upload.Text, "The EID of the eUICC that holds the profile: 32 digits."},
			colLot:           {"lot", false, upload.Text, "The order or box that the SIM came in, up to 128 characters."},
			colExternalID:    {"external_id", false, upload.Text, "The id of the SIM in your inventory, up to 128 characters; unique."},
			colSince:         {"since", false, upload.Ignored, "Ignored, so that an exported inventory can be uploaded again."},
			colUpdatedAt:     {"updated_at", false, upload.Ignored, "Ignored, so that an exported inventory can be uploaded again."},
			colAccountID:     {"account_external_id", false, upload.Ignored, "Ignored, so that an exported inventory can be uploaded again."},
		},
		example: "iccid,imsis,msisdns,account,status,plan,tags\n" +
			"8988211000000000011,001010000000001,+12025550101,OP0012345678,ready,global-01,site=north;lot=7\n",
	}
}

func (d *uploadDoc) uploadColumns() []upload.Column {
	columns := make([]upload.Column, len(d.columns))
	for i, c := range d.columns {
		columns[i] = upload.Column{Name: c.name, Required: c.required, Shape: c.shape}
	}
	return columns
}

// columnOfICCID is the name of the column that names the SIM.
const columnOfICCID = "iccid"

// simParser parses a record.
type simParser struct {
	record  upload.Record
	columns []upload.Column
	report  func(column string, code upload.Code, problem string) // an error
}

func (p simParser) sim() storage.NewSIM {
	return storage.NewSIM{
		ICCID:        p.iccid(),
		IMSIs:        p.imsis(),
		MSISDNs:      p.identifiers(colMSISDNs, transfer.ParseMSISDN),
		Account:      parsedColumn(p, colAccount, transfer.ParseAccountRef),
		Status:       p.status(),
		Plan:         p.required(colPlan),
		SIMSettings:  p.settings(),
		TransferLock: p.flag(colTransferLock),
		SIMDetails:   p.details(),
	}
}

func (p simParser) settings() storage.SIMSettings {
	return storage.SIMSettings{
		Tags:                  p.tags(),
		Expiration:            p.instant(colExpiration),
		TerminationProtection: p.flag(colProtection),
		Group:                 p.name(colGroup, transfer.MaxGroup),
		EventHandlers:         p.items(colEventHandlers),
		SpeedClass:            p.name(colSpeedClass, transfer.MaxSpeedClass),
		Containers:            p.items(colContainers),
		IMEILock:              p.imei(),
	}
}

func (p simParser) details() storage.SIMDetails {
	return storage.SIMDetails{
		EID:        p.eid(),
		Lot:        p.name(colLot, transfer.MaxLot),
		ExternalID: p.name(colExternalID, transfer.MaxExternalID),
	}
}

// neverEmpty are the columns that a sync does not clear.
const neverEmpty = upload.Columns(1<<colAccount | 1<<colStatus | 1<<colPlan | 1<<colIMSIs)

// parseGiven parses the values that the record has into a row of a sync. A value
// that is empty clears a field, but not one that cannot be empty. fieldOf has the
// field of each column.
func (p simParser) parseGiven(row *storage.SyncRow, fieldOf []storage.SyncFields) {
	row.SIM.ICCID = p.iccid()
	for column, value := range p.record.Values {
		if !p.record.Has.Contains(column) || value == "" && neverEmpty.Contains(column) {
			continue
		}
		row.Fields |= fieldOf[column]
		p.parseInto(&row.SIM, column)
	}
	p.checkDistinct(row.SIM)
}

// parseInto parses the value of a column, other than the ICCID.
func (p simParser) parseInto(sim *storage.NewSIM, column int) {
	switch column {
	case colIMSIs:
		sim.IMSIs = p.identifiers(colIMSIs, transfer.ParseIMSI)
	case colMSISDNs:
		sim.MSISDNs = p.identifiers(colMSISDNs, transfer.ParseMSISDN)
	case colAccount:
		sim.Account = parsedColumn(p, colAccount, transfer.ParseAccountRef)
	case colStatus:
		sim.Status = p.status()
	case colPlan:
		sim.Plan = p.line(colPlan, p.record.Values[colPlan], transfer.MaxPlanName)
	case colTags:
		sim.Tags = p.tags()
	case colExpiration:
		sim.Expiration = p.instant(colExpiration)
	case colProtection:
		sim.TerminationProtection = p.flag(colProtection)
	case colGroup:
		sim.Group = p.name(colGroup, transfer.MaxGroup)
	case colEventHandlers:
		sim.EventHandlers = p.items(colEventHandlers)
	case colSpeedClass:
		sim.SpeedClass = p.name(colSpeedClass, transfer.MaxSpeedClass)
	case colContainers:
		sim.Containers = p.items(colContainers)
	case colIMEILock:
		sim.IMEILock = p.imei()
	case colTransferLock:
		sim.TransferLock = p.flag(colTransferLock)
	case colEID:
		sim.EID = p.eid()
	case colLot:
		sim.Lot = p.name(colLot, transfer.MaxLot)
	case colExternalID:
		sim.ExternalID = p.name(colExternalID, transfer.MaxExternalID)
	}
}

// checkDistinct reports an identifier that a row has twice.
func (p simParser) checkDistinct(sim storage.NewSIM) {
	check := func(column int, id transfer.Identifier, before ...[]transfer.Identifier) {
		for _, list := range before {
			if slices.Contains(list, id) && id != (transfer.Identifier{}) {
				p.refuse(column, upload.CodeDuplicate, "the row has the identifier "+id.String()+" twice: remove one of the two")
			}
		}
	}
	for i, id := range sim.IMSIs {
		check(colIMSIs, id, sim.IMSIs[:i])
	}
	for i, id := range sim.MSISDNs {
		check(colMSISDNs, id, sim.IMSIs, sim.MSISDNs[:i])
	}
}

func (p simParser) refuse(column int, code upload.Code, problem string) {
	p.report(p.columns[column].Name, code, problem)
}

// required returns a value. It reports an error if the value is empty.
func (p simParser) required(column int) string {
	v := p.record.Values[column]
	if v == "" {
		p.refuse(column, upload.CodeMissing, "the value is missing: this column is required")
	}
	return v
}

// name returns a name of up to max characters, nil if it is empty.
func (p simParser) name(column, max int) *string { //nolint:unparam // the limits happen to be equal
	name := p.line(column, p.record.Values[column], max)
	if name == "" {
		return nil
	}
	return &name
}

// line parses a text of up to max characters.
func (p simParser) line(column int, text string, max int) string {
	v, err := transfer.ParseLine(text)
	if err == nil {
		err = transfer.CheckLength(v, max)
	}
	if err != nil {
		p.refuse(column, upload.CodeBadValue, err.Error())
	}
	return v
}

func parsedColumn[T any](p simParser, column int, parse func(string) (T, error)) T {
	v, err := parse(p.required(column))
	if err != nil && p.record.Values[column] != "" {
		p.refuse(column, upload.CodeBadValue, err.Error())
	}
	return v
}

func (p simParser) iccid() transfer.Identifier {
	return parsedColumn(p, colICCID, transfer.ParseICCID)
}

func (p simParser) imsis() []transfer.Identifier {
	if p.required(colIMSIs) == "" {
		return nil
	}
	return p.identifiers(colIMSIs, transfer.ParseIMSI)
}

func (p simParser) identifiers(column int, parse func(string) (transfer.Identifier, error)) []transfer.Identifier {
	var list []transfer.Identifier
	for _, text := range p.list(column) {
		id, err := parse(text)
		if err != nil {
			p.refuse(column, upload.CodeBadValue, err.Error())
		}
		list = append(list, id)
	}
	return list
}

// list splits a value at semicolons.
func (p simParser) list(column int) []string {
	var list []string
	for text := range strings.SplitSeq(p.record.Values[column], ";") {
		if text = transfer.Trim(text); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// items returns the elements of a list of names, such as the event handlers.
func (p simParser) items(column int) []string {
	list := p.list(column)
	if len(list) > transfer.MaxListItems {
		p.refuse(column, upload.CodeBadValue, fmt.Sprintf("the list has %d elements: a SIM can have at most %d", len(list), transfer.MaxListItems))
	}
	for i, text := range list {
		list[i] = p.line(column, text, transfer.MaxItemLength)
	}
	return list
}

func (p simParser) status() transfer.Status {
	status := transfer.Status(strings.ToLower(p.record.Values[colStatus]))
	switch {
	case status == "":
		return transfer.Ready
	case !slices.Contains(transfer.Statuses(), status):
		p.refuse(colStatus, upload.CodeBadValue, fmt.Sprintf("%q is not a status: use one of %s", problem.Clip(p.record.Values[colStatus]), joined(transfer.Statuses())))
	}
	return status
}

func (p simParser) tags() map[string]string {
	tags := map[string]string{}
	for _, text := range p.list(colTags) {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			p.refuse(colTags, upload.CodeBadValue, fmt.Sprintf("%q is not a tag: use name=value", problem.Clip(text)))
			continue
		}
		name, value, err := transfer.ParseTag(name, value)
		if err != nil {
			p.refuse(colTags, upload.CodeBadValue, err.Error())
			continue
		}
		if _, twice := tags[name]; twice {
			p.refuse(colTags, upload.CodeBadValue, fmt.Sprintf("the tag %q occurs twice: remove one of the two", problem.Clip(name)))
		}
		tags[name] = value
	}
	if err := transfer.CheckTags(tags); err != nil {
		p.refuse(colTags, upload.CodeBadValue, err.Error())
	}
	return tags
}

func (p simParser) instant(column int) *time.Time {
	text := p.record.Values[column]
	if text == "" {
		return nil
	}
	t, err := transfer.ParseTime(text)
	if err != nil {
		p.refuse(column, upload.CodeBadValue, err.Error())
	}
	return &t
}

func (p simParser) flag(column int) bool {
	text := p.record.Values[column]
	if text == "" {
		return false
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		p.refuse(column, upload.CodeBadValue, fmt.Sprintf("%q is not a boolean: use true or false", problem.Clip(text)))
	}
	return on
}

func (p simParser) eid() *string {
	if p.record.Values[colEID] == "" {
		return nil
	}
	eid, err := transfer.ParseEID(p.record.Values[colEID])
	if err != nil {
		p.refuse(colEID, upload.CodeBadValue, err.Error())
	}
	return &eid
}

func (p simParser) imei() *string {
	text := p.record.Values[colIMEILock]
	if text == "" {
		return nil
	}
	imei, err := transfer.ParseIMEI(text)
	if err != nil {
		p.refuse(colIMEILock, upload.CodeBadValue, err.Error())
	}
	return &imei
}

// rowErrorMessage explains an error that only the database could find.
func rowErrorMessage(e storage.RowError) string {
	value := problem.Clip(e.Value)
	switch e.Code {
	case storage.UnknownAccount:
		return unknownAccount(e.Value)
	case storage.ClosedAccount:
		return "the account " + value + " is closed, so it cannot receive SIMs: open it first, or give another account"
	case storage.UnknownPlan:
		return fmt.Sprintf("there is no plan %q: create the plan first", value)
	case storage.BarredPlan:
		return fmt.Sprintf("the account may not hold SIMs on the plan %q: allow the plan for the account, or correct one of the two", value)
	case storage.IdentifierTaken:
		if e.Field == "external_id" {
			return "another SIM has the external id " + value + ": correct it, or remove the row"
		}
		return "a SIM with the identifier " + value + " already exists: remove the row, or correct the identifier"
	case storage.IdentifierRepeated:
		if e.Field == "external_id" {
			return "the upload has the external id " + value + " twice: correct one of the two"
		}
		id, err := transfer.ParseIdentifier(e.Value)
		if err == nil && id.LooksRounded() {
			return "the upload has " + value + " twice, and it ends in zeros: a spreadsheet program has rounded the numbers; export the file again with the column formatted as text"
		}
		if err == nil && id.IsICCID() {
			return "the upload has the ICCID " + value + " twice, or once with and once without its check digit: remove one of the two"
		}
		return "the upload has the identifier " + value + " twice: remove one of the two"
	}
	return value + " cannot be imported"
}

// unknownAccount is the message for a reference to an account that does not exist.
func unknownAccount(ref string) string {
	if id, external := transfer.AccountRef(ref).External(); external {
		return "no account has the external id " + problem.Clip(id) + ": create the account first, or give its operator id"
	}
	return "no account has the operator id " + problem.Clip(ref) + ": create the account first"
}

// joined returns "a, b, c".
func joined[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}
