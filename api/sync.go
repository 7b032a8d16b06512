package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type syncInput struct {
	Idempotent
	Mapped
	Accepting
	DryRun           bool    `query:"dry_run" doc:"Does everything, answers what it did, and undoes it."`
	Mode             string  `query:"mode" enum:"partial,full" default:"partial" doc:"partial: SIMs that the file does not have stay as they are. full: the file is the whole inventory, and the SIMs that it does not have are reported as missing."`
	Account          string  `query:"account" maxLength:"132" doc:"With the mode full: the file is the whole inventory of the account with this operator id or external id. Rows that name no account are SIMs of this account: a SIM that belongs to another account is refused."`
	RetireMissing    bool    `query:"retire_missing" doc:"With the mode full: terminates the missing SIMs. SIMs that are protected or in a transfer are refused."`
	MaxRetireShare   float64 `query:"max_retire_share" minimum:"0" maximum:"1" doc:"Required with retire_missing: the share of the SIMs that may be retired, such as 0.01. If more are missing, nothing is changed."`
	ExpectChanges    string  `query:"expect_changes" pattern:"^[0-9]{1,9}$" patternDescription:"a number" doc:"The number of SIMs that you expect to be created, changed or retired, as a dry run answers it. If it is another number, nothing is changed, and the response is 409 with the code sim_count."`
	IncludeUnchanged bool    `query:"include_unchanged" doc:"Also answers a row for each row of the file that changed nothing. Only as NDJSON and CSV."`
	File             body
}

// Synced counts what a sync did.
type Synced struct {
	DryRun        bool                 `json:"dry_run" doc:"Whether everything was undone."`
	Rows          int                  `json:"rows" doc:"Of the file."`
	Created       int                  `json:"created" doc:"SIMs that were added."`
	Changed       int                  `json:"changed" doc:"SIMs that were changed."`
	Unchanged     int                  `json:"unchanged" doc:"Rows that are equal to their SIM."`
	Refused       int                  `json:"refused" doc:"Rows that were left out, and missing SIMs that could not be retired. The field errors says why."`
	Missing       int                  `json:"missing" doc:"SIMs that are not terminated and that the file does not have, without those that were retired or refused. 0 unless the mode is full."`
	Retired       int                  `json:"retired" doc:"Missing SIMs that were terminated."`
	ChangedFields map[string]int       `json:"changed_fields" doc:"How many SIMs were changed in each field."`
	Errors        []problem.FieldError `json:"errors,omitempty" nullable:"false" doc:"Why rows were refused: up to 100 different errors, each with its number of rows and the first of them."`
	MoreErrors    int                  `json:"more_errors,omitempty" doc:"Errors in addition to those."`
}

// SyncedRow is the outcome of one row of the file, or of one SIM that it does not
// have, as a flat row.
type SyncedRow struct {
	Line    int                 `json:"line" doc:"The line in the file, or the row in a JSON document, counted from 1; 0 for a SIM that the file does not have."`
	ICCID   *string             `json:"iccid" doc:"null if it cannot be read."`
	Outcome storage.SyncOutcome `json:"outcome"`
	Before  map[string]any      `json:"before,omitempty" doc:"The fields that change, with their values before."`
	After   map[string]any      `json:"after,omitempty" doc:"The same fields, with their values after."`
	Code    string              `json:"code,omitempty" doc:"Why the row was refused, for programs."`
	Column  string              `json:"column,omitempty" doc:"The column that the refusal is about."`
	Message string              `json:"message,omitempty" doc:"What is wrong and what to do."`
}

const syncedHeader = "line,iccid,outcome,fields,before,after,code,column,message"

// errDryRun rolls a dry run back.
var errDryRun = errors.New("a dry run is not committed")

// syncSIMs keeps the file in a temporary file, because no transaction may wait for
// a client. It reads the file while it copies the rows to the database, so that no
// more than a row is in memory. The rows of the answer are kept in another temporary
// file until the transaction is committed.
func (s *server) syncSIMs(ctx context.Context, in *syncInput) (*huma.StreamResponse, error) {
	j, err := s.newSyncJob(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() {
		if j.file != nil {
			j.file.close()
		}
	}()
	release, err := s.readUpload(ctx, s.imports, in.Mapped, &in.File, j.columns, func(r io.Reader, format upload.Format, names upload.Names) (err error) {
		j.fileFormat, j.names = format, names
		j.file, j.sum, err = s.spools.receive(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer release()
	if j.format != typeJSON {
		if j.rows, err = s.spools.create(); err != nil {
			return nil, err
		}
	}
	var out *reply[Synced]
	if in.DryRun {
		out = &reply[Synced]{}
		err = s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
			return errors.Join(j.run(ctx, t, out), errDryRun)
		})
		if errors.Is(err, errDryRun) && j.done {
			err = nil
		}
	} else {
		out, err = once(ctx, s, func(t *storage.Tx, out *reply[Synced]) error { return j.run(ctx, t, out) })
	}
	if err != nil {
		if j.rows != nil {
			j.rows.close()
		}
		return nil, err
	}
	return j.respond(s, out) //nolint:contextcheck // it is called with a context later
}

// syncJob is a sync in progress.
type syncJob struct {
	in         *syncInput
	by         storage.Actor
	options    storage.SyncOptions
	owner      transfer.OperatorID // of rows that name none; empty if the file has the SIMs of all accounts
	columns    []upload.Column
	names      upload.Names
	file       *spool
	fileFormat upload.Format
	sum        []byte // of the file
	format     string // of the answer
	rows       *spool // of the answer; nil if it is JSON
	n          int    // number of rows
	done       bool   // whether the last try was complete
}

// newSyncJob checks the parameters of a sync.
func (s *server) newSyncJob(ctx context.Context, in *syncInput) (*syncJob, error) {
	j := &syncJob{in: in, by: actingCaller(ctx), columns: syncUpload().uploadColumns()}
	var err error
	if j.format, err = in.choose(typeJSON, typeNDJSON, typeCSV); err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "nothing was changed: fix the listed errors")
	full := in.Mode == "full"
	if !full && in.Account != "" {
		p.Add(problem.FieldError{Location: "query.account", Message: "only possible with mode=full: add it, or leave the account out", Value: in.Account})
	}
	if !full && in.RetireMissing {
		p.Add(problem.FieldError{Location: "query.retire_missing", Message: "only possible with mode=full, which takes the file as the whole inventory"})
	}
	if math.IsNaN(in.MaxRetireShare) { // it is neither below the minimum nor above the maximum
		p.Add(problem.FieldError{Location: "query.max_retire_share", Message: "not a number: give a share from 0 to 1, such as 0.01 for one in a hundred", Value: "NaN"})
		return nil, p
	}
	if in.RetireMissing && in.MaxRetireShare == 0 {
		p.Add(problem.FieldError{Location: "query.max_retire_share", Message: "say which share of the SIMs may be retired at most, such as 0.01 for one in a hundred"})
	}
	if !in.RetireMissing && in.MaxRetireShare != 0 {
		p.Add(problem.FieldError{Location: "query.max_retire_share", Message: "only possible with retire_missing=true", Value: fmt.Sprint(in.MaxRetireShare)})
	}
	if in.IncludeUnchanged && j.format == typeJSON {
		p.Add(problem.FieldError{Location: "query.include_unchanged", Message: "only possible if the answer has rows: accept " + typeNDJSON + " or " + typeCSV})
	}
	if callOf(ctx).idem != nil && j.format != typeJSON {
		p.Add(problem.FieldError{Location: "header.Idempotency-Key", Message: "only possible if the answer is JSON, because rows are not stored. A sync is safe to repeat without a key: what it has done already is unchanged"})
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	j.options = storage.SyncOptions{Full: full, RetireMissing: in.RetireMissing, MaxShare: in.MaxRetireShare}
	if in.Account != "" {
		var a storage.Account
		a, err = s.namedAccount(ctx, "query.account", in.Account)
		j.options.Account, j.owner = a.ID, a.OperatorID
	}
	return j, err
}

// run syncs in a transaction. It may run again after a conflict.
func (j *syncJob) run(ctx context.Context, t *storage.Tx, out *reply[Synced]) error {
	j.done, j.n = false, 0
	file, err := j.file.rewind()
	if err != nil {
		return err
	}
	records := upload.NewRecords(file, j.fileFormat, j.columns, j.names, upload.Limits{})
	options := j.options
	options.Fields = syncFields(j.columns, records.Columns())
	if j.owner != "" {
		options.Fields = options.Fields.With(storage.SyncAccount)
	}
	sync, err := t.SyncSIMs(ctx, options, j.readRows(records))
	if err != nil {
		return err
	}
	if err := j.in.checkChanges(sync.SyncResult); err != nil {
		return err
	}
	out.Status, out.Body = http.StatusOK, viewSync(sync.SyncResult)
	out.Body.DryRun = j.in.DryRun
	if j.rows != nil {
		err = j.writeRows(ctx, sync)
	} else {
		err = addSyncErrors(ctx, sync, &out.Body)
	}
	if err == nil && !j.in.DryRun {
		err = t.AuditSync(ctx, j.by, j.options, sync.SyncResult, "sha256:"+hex.EncodeToString(j.sum))
	}
	j.done = err == nil
	return err
}

// checkChanges returns an error if the sync changes another number of SIMs than
// expected.
func (in *syncInput) checkChanges(r storage.SyncResult) error {
	expected, err := strconv.Atoi(in.ExpectChanges)
	changes := r.Created + r.Changed + r.Retired
	if err != nil || changes == expected { // no number is expected, see the pattern
		return nil //nolint:nilerr // as above
	}
	return problem.New(problem.SIMCount, fmt.Sprintf("SIMs that would change: %d, not %d (%d created, %d changed, %d retired)", changes, expected, r.Created, r.Changed, r.Retired),
		problem.FieldError{Location: "query.expect_changes", Message: fmt.Sprintf("SIMs that would change: %d", changes), Value: in.ExpectChanges, Count: changes})
}

func viewSync(r storage.SyncResult) Synced {
	return Synced{
		Rows: r.Rows, Created: r.Created, Changed: r.Changed, Unchanged: r.Unchanged, Refused: r.Refused,
		Missing: r.Missing, Retired: r.Retired, ChangedFields: r.Fields,
	}
}

// readRows reads the rows of the file. A row with a value that is not valid is
// refused, but a file that cannot be read as a table is an error, because then
// nothing says that its other rows mean what they seem to. If SIMs are retired that
// the file does not have, an ICCID that cannot be read is an error too.
func (j *syncJob) readRows(records *upload.Records) iter.Seq2[storage.SyncRow, error] {
	fieldOf := make([]storage.SyncFields, len(j.columns)) // the set with the field of a column
	for i := range j.columns {
		fieldOf[i] = syncFields(j.columns, upload.Columns(0).With(i))
	}
	records.KeepWrongRows()
	return func(yield func(storage.SyncRow, error) bool) {
		for record := range records.All() {
			row := readSyncRow(record, j.columns, fieldOf)
			if j.owner != "" && row.Refused == nil && !row.Fields.Contains(storage.SyncAccount) {
				row.Fields, row.SIM.Account = row.Fields.With(storage.SyncAccount), j.owner.Ref()
			}
			if j.in.RetireMissing && row.SIM.ICCID == (transfer.Identifier{}) {
				records.Refuse(record.Place, row.Refused.Field, upload.Code(row.Refused.Code), row.Refused.Value)
			}
			if !records.Refused() && !yield(row, nil) {
				return
			}
		}
		if err := records.Err(); err != nil {
			yield(storage.SyncRow{}, err)
		}
	}
}

// syncFields returns the fields that columns of an import set.
func syncFields(columns []upload.Column, has upload.Columns) storage.SyncFields {
	var fields storage.SyncFields
	for field, name := range storage.SyncFieldNames() {
		column := slices.IndexFunc(columns, func(c upload.Column) bool { return c.Name == name })
		if has.Contains(column) {
			fields = fields.With(storage.SyncField(field))
		}
	}
	return fields
}

// readSyncRow parses a row. If a value is not valid, the row is refused, with the
// first error that was found.
func readSyncRow(record upload.Record, columns []upload.Column, fieldOf []storage.SyncFields) storage.SyncRow {
	row := storage.SyncRow{Line: record.Line, Row: record.Row}
	p := simParser{record: record, columns: columns, report: func(column string, code upload.Code, problem string) {
		if row.Refused == nil {
			row.Refused = &storage.SyncRefusal{Code: storage.SyncCode(code), Field: column, Value: strings.ToValidUTF8(strings.Map(printable, problem), "")}
		}
	}}
	if record.Wrong != nil {
		p.report(record.Wrong.Column, record.Wrong.Code, record.Wrong.Problem)
	}
	p.parseGiven(&row, fieldOf)
	if row.Refused != nil {
		row.Fields, row.SIM = 0, storage.NewSIM{ICCID: row.SIM.ICCID}
	}
	return row
}

// printable replaces control characters, which a message has only if the file has them.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return utf8.RuneError
	}
	return r
}

// writeRows writes the rows of the answer.
func (j *syncJob) writeRows(ctx context.Context, sync *storage.Sync) error {
	if err := j.rows.clear(); err != nil {
		return err
	}
	out := newPageWriter(j.format, syncedHeader, j.rows)
	if err := out.begin(); err != nil {
		return err
	}
	if err := sync.Outcomes(ctx, storage.SyncedFilter{Unchanged: j.in.IncludeUnchanged}, func(r storage.SyncedRow) error {
		j.n++
		v, err := viewSynced(r)
		if err != nil {
			return err
		}
		return out.row(v)
	}); err != nil {
		return err
	}
	return out.end()
}

// addSyncErrors adds to the answer why rows were refused.
func addSyncErrors(ctx context.Context, sync *storage.Sync, into *Synced) error {
	if sync.Refused == 0 {
		return nil
	}
	var errs upload.Invalid
	if err := sync.Outcomes(ctx, storage.SyncedFilter{Refused: true}, func(r storage.SyncedRow) error {
		errs.Add(syncError(r))
		return nil
	}); err != nil {
		return err
	}
	for _, line := range errs.Lines {
		into.Errors = append(into.Errors, fieldErrorOf(line))
	}
	into.MoreErrors = errs.More
	return nil
}

// syncHeader has the counts of a sync whose answer is rows, as a structured field.
const syncHeader = "Simtransfer-Sync"

func (v Synced) header() string {
	return fmt.Sprintf("dry_run=?%d, rows=%d, created=%d, changed=%d, unchanged=%d, refused=%d, missing=%d, retired=%d",
		map[bool]int{true: 1}[v.DryRun], v.Rows, v.Created, v.Changed, v.Unchanged, v.Refused, v.Missing, v.Retired)
}

// respond sends the answer. The sync is committed by then.
func (j *syncJob) respond(s *server, out *reply[Synced]) (*huma.StreamResponse, error) {
	if j.rows == nil {
		text, err := encodeJSON(out.Body)
		if err != nil {
			return nil, fmt.Errorf("writing the answer of a sync: %w", err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			_, w := humago.Unwrap(hc)
			w.Header().Set("Vary", "Accept")
			w.Header().Set("Content-Type", typeJSON)
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
			if out.Replayed != "" {
				w.Header().Set("Idempotent-Replayed", out.Replayed)
			}
			_, _ = w.Write(text) // the client may be gone
		}}, nil
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer j.rows.close()
		_, w := humago.Unwrap(hc)
		startRows(w, j.format)
		w.Header().Set("Content-Length", strconv.FormatInt(j.rows.size, 10))
		w.Header().Set(rowsHeader, strconv.Itoa(j.n))
		w.Header().Set(syncHeader, out.Body.header())
		if err := sendSpool(w, j.rows); err != nil {
			s.abort(hc.Context(), "sending the rows of a sync was aborted", err)
		}
	}}, nil
}

// sendSpool sends a temporary file. Each part has to be sent within pageWriteTimeout.
func sendSpool(w http.ResponseWriter, from *spool) error {
	reader, err := from.rewind()
	if err != nil {
		return err
	}
	connection := http.NewResponseController(w)
	for buffer := make([]byte, 256<<10); ; {
		n, err := reader.Read(buffer)
		if n > 0 {
			// A ResponseWriter without a connection returns an error, which is fine.
			_ = connection.SetWriteDeadline(time.Now().Add(pageWriteTimeout))
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a temporary file: %w", err)
		}
	}
}

func syncUpload() *uploadDoc {
	doc := simUpload()
	doc.text = "The SIMs, as CSV, NDJSON or JSON: up to 1,000,000 rows and 128 MiB. A column or field that is left out leaves the values " +
		"as they are. An empty value or null clears a value, but leaves the account, the status, the plan and the IMSIs as they are, " +
		"because they cannot be empty. A row with an error is refused, and the others are applied. A file that is not a table, or " +
		"has a row with too many or too few values, changes nothing."
	for i := range doc.columns {
		c := &doc.columns[i]
		c.required = c.name == "iccid"
		switch c.name {
		case "iccid":
			c.text = "18 to 22 digits. Names the SIM, with or without its check digit."
		case "account":
			c.text = "The operator id or the external id of the account that owns the SIM. Required for a SIM that is not in the inventory; a sync does not change the owner of a SIM."
		case "imsis":
			c.text = "All IMSIs of the SIM, separated by semicolons. Required for a SIM that is not in the inventory."
		case "msisdns":
			c.text = "All MSISDNs of the SIM, separated by semicolons."
		case "plan":
			c.text = "The name of an existing plan. Required for a SIM that is not in the inventory."
		}
	}
	doc.example = "iccid,status,plan,msisdns\n" +
		"8988211000000000011,suspended,global-01,+12025550101\n"
	return doc
}

const syncedExample = `{"line":2,"iccid":"8988211000000000011","outcome":"changed","before":{"status":"active"},"after":{"status":"suspended"}}`

func syncDoc() *streamDoc {
	return &streamDoc{
		text: "What the sync did. As JSON: the counts, and why rows were refused. As NDJSON and CSV: one row for each row of the file " +
			"that is not unchanged, in the order of the file, and then for each missing SIM; the header " + syncHeader + " has the counts, and the header " +
			rowsHeader + " says how many rows follow. The sync is complete when the response begins; one that was cut off can be repeated.",
		formats: true,
		others: map[string]*huma.Param{
			rowsHeader: {
				Description: "How many rows the response has, if it is NDJSON or CSV. A response with fewer rows was cut off on its way.",
				Schema:      &huma.Schema{Type: huma.TypeInteger},
			},
			syncHeader: {
				Description: "The counts, if the response is NDJSON or CSV, such as dry_run=?0, rows=1000, created=2, changed=5, unchanged=992, refused=1, missing=0, retired=0.",
				Schema:      &huma.Schema{Type: huma.TypeString},
			},
			"Idempotent-Replayed": {
				Description: "true for the stored response of an earlier call.",
				Schema:      &huma.Schema{Type: huma.TypeString},
			},
		},
		content: func(registry huma.Registry) map[string]*huma.MediaType {
			return map[string]*huma.MediaType{
				typeJSON: {Schema: registry.Schema(reflect.TypeFor[Synced](), true, "Synced")},
				typeNDJSON: {
					Schema:  &huma.Schema{Type: huma.TypeString, Description: "One JSON object per line: line, iccid, outcome, and before and after of a change, or code, column and message of a refusal."},
					Example: syncedExample + "\n",
				},
				typeCSV: {
					Schema: &huma.Schema{Type: huma.TypeString},
					Example: "line,iccid,outcome,fields,before,after,code,column,message\n" +
						`2,8988211000000000011,changed,status,"{""status"":""active""}","{""status"":""suspended""}",,,` + "\n",
				},
			}
		},
	}
}
