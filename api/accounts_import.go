package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// AccountsImport is what an import of accounts did, or would do.
type AccountsImport struct {
	DryRun    bool          `json:"dry_run" doc:"Whether nothing was changed, because the call asked only for the difference."`
	Rows      int           `json:"rows" doc:"All rows of the file."`
	Created   int           `json:"created"`
	Updated   int           `json:"updated"`
	Unchanged int           `json:"unchanged"`
	Refused   int           `json:"refused" doc:"Rows that were left out because of an error."`
	Items     []AccountLine `json:"items" nullable:"false" doc:"Every row, in the order of the file."`

	Errors     []problem.FieldError `json:"errors,omitempty" nullable:"false" doc:"Why rows were refused: up to 100 different errors, each with its number of rows and the first of them."`
	MoreErrors int                  `json:"more_errors,omitempty" doc:"Errors in addition to those."`
}

// AccountLine is what an import of accounts did with a row.
type AccountLine struct {
	Line       int                 `json:"line" doc:"The line of the file, or the row of a JSON document, counted from 1."`
	OperatorID transfer.OperatorID `json:"operator_id,omitempty" doc:"Left out if the row names no account."`
	ExternalID *string             `json:"external_id,omitempty"`
	Outcome    accountOutcome      `json:"outcome" enum:"created,updated,unchanged,refused"`
	Fields     []string            `json:"fields,omitempty" nullable:"false" doc:"For updated: the fields that changed."`
	Column     string              `json:"column,omitempty" doc:"For refused: the column with the error."`
	Code       string              `json:"code,omitempty" doc:"For refused: the kind of error."`
	Message    string              `json:"message,omitempty" doc:"For refused: what is wrong, and what to do."`
}

// accountOutcome is what an import did with a row.
type accountOutcome string

const (
	accountCreated   accountOutcome = "created"
	accountUpdated   accountOutcome = "updated"
	accountUnchanged accountOutcome = "unchanged"
	accountRefused   accountOutcome = "refused"
)

func (i *AccountsImport) add(l AccountLine) {
	i.Rows++
	switch l.Outcome {
	case accountCreated:
		i.Created++
	case accountUpdated:
		i.Updated++
	case accountUnchanged:
		i.Unchanged++
	case accountRefused:
		i.Refused++
	}
	i.Items = append(i.Items, l)
}

// The columns of an import of accounts, as indexes into a record.
const (
	accountColOperatorID = iota
	accountColExternalID
	accountColName
	accountColEmail
	accountColCurrency
	accountColCoverage
	accountColStanding
	accountColPlans
	accountColTransfers
	accountColBilling
	accountColTechnical
	accountColSecurity
)

func accountUpload() *uploadDoc {
	return &uploadDoc{
		text: "The accounts, as CSV, NDJSON or JSON: up to 10,000 rows. A row names its account by operator_id or by external_id. A column that the file does not have leaves the values as they are. An empty value removes the name, the external id, the plans or the contacts, and leaves other values as they are.",
		columns: []uploadColumn{
			accountColOperatorID: {"operator_id", false, upload.Text, "OP and ten digits. Required for a new account."},
			accountColExternalID: {"external_id", false, upload.Text, "The id of the account in your own systems, up to 128 characters. Names the account if operator_id is empty; otherwise it is the new external id."},
			accountColName:       {"name", false, upload.Text, "The name, up to 200 characters."},
			accountColEmail:      {"email", false, upload.Text, "The primary email. Required for a new account."},
			accountColCurrency:   {"currency", false, upload.Text, "ISO 4217. Required for a new account; it cannot change."},
			accountColCoverage:   {"coverage", false, upload.Text, "The coverage. Required for a new account."},
			accountColStanding:   {"standing", false, upload.Text, "open or closed. Default for a new account: open. An account with open requests is not closed."},
			accountColPlans:      {"plans", false, upload.List, "The plans that the account may hold, separated by semicolons. Empty: any."},
			accountColTransfers:  {"contacts_transfers", false, upload.List, "Email addresses for transfer requests, separated by semicolons."},
			accountColBilling:    {"contacts_billing", false, upload.List, "Email addresses for fees, separated by semicolons."},
			accountColTechnical:  {"contacts_technical", false, upload.List, "Email addresses for webhook endpoints that fail, separated by semicolons."},
			accountColSecurity:   {"contacts_security", false, upload.List, "Email addresses for API keys and signs of their misuse, separated by semicolons."},
		},
		example: "operator_id,external_id,name,email,currency,coverage,contacts_billing\n" +
			"OP0012345678,C-1001,North Sensors Ltd,sims@example.com,EUR,global,invoices@example.com\n",
	}
}

type importAccountsInput struct {
	Mapped
	DryRun bool `query:"dry_run" doc:"Show what the import would do, and change nothing."`
	File   body
}

type importAccountsOutput struct{ Body AccountsImport }

// importAccounts reads the whole file first, because no transaction may wait for a
// client. Then it applies all rows in one transaction.
func (s *server) importAccounts(ctx context.Context, in *importAccountsInput) (*importAccountsOutput, error) {
	columns := accountUpload().uploadColumns()
	var rows []accountRow
	release, err := s.readUpload(ctx, s.imports, in.Mapped, &in.File, columns, func(r io.Reader, format upload.Format, names upload.Names) error {
		records := upload.NewRecords(r, format, columns, names, upload.Limits{MaxRows: transfer.MaxAccountRows})
		for record := range records.All() {
			rows = append(rows, parseAccountRow(record, columns))
		}
		return records.Err()
	})
	if err != nil {
		return nil, err
	}
	defer release()
	out := &importAccountsOutput{}
	err = s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
		out.Body = AccountsImport{DryRun: in.DryRun, Items: make([]AccountLine, 0, len(rows))}
		var errs upload.Invalid
		seen := map[int64]int{} // the line of an account
		for _, row := range rows {
			line, err := row.apply(ctx, t, seen)
			if err != nil {
				return fmt.Errorf("line %d: %w", row.line.Line, err)
			}
			out.Body.add(line)
			if line.Outcome == accountRefused {
				errs.Add(upload.RowError{Place: row.place, Column: line.Column, Code: upload.Code(line.Code), Problem: line.Message})
			}
		}
		for _, e := range errs.Lines {
			out.Body.Errors = append(out.Body.Errors, fieldErrorOf(e))
		}
		out.Body.MoreErrors = errs.More
		if in.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	return out, nil
}

// accountRow is a row of an import of accounts.
type accountRow struct {
	place   upload.Place
	line    AccountLine // with the refusal of a row that cannot be used
	ref     transfer.AccountRef
	account storage.Account // what to create
	change  storage.AccountChange

	missing []string // the columns that are missing to create the account
}

// accountRefusal is why a row is refused.
type accountRefusal struct {
	column  int
	code    upload.Code
	message string
}

func (e *accountRefusal) Error() string { return e.message }

func (l AccountLine) refused(e *accountRefusal) AccountLine {
	l.Outcome, l.Column, l.Code, l.Message = accountRefused, accountUpload().columns[e.column].name, string(e.code), e.message
	return l
}

// accountParser parses a record. It keeps the first error.
type accountParser struct {
	upload.Record
	refusal *accountRefusal
}

func (p *accountParser) refuse(column int, code upload.Code, err error) {
	if p.refusal == nil && err != nil {
		p.refusal = &accountRefusal{column, code, err.Error()}
	}
}

// accountValue parses a value that is not empty; nil if it is.
func accountValue[T any](p *accountParser, column int, parse func(string) (T, error)) *T {
	if p.Values[column] == "" {
		return nil
	}
	v, err := parse(p.Values[column])
	p.refuse(column, upload.CodeBadValue, err)
	return &v
}

// removable parses a text that an empty value removes; nil if the row does not
// have the column.
func (p *accountParser) removable(column int, parse func(string) (*string, error)) **string {
	if !p.Has.Contains(column) {
		return nil
	}
	v, err := parse(p.Values[column])
	p.refuse(column, upload.CodeBadValue, err)
	return &v
}

// list splits a value at semicolons; nil if the row does not have the column.
func (p *accountParser) list(column int) []string {
	if !p.Has.Contains(column) {
		return nil
	}
	list := []string{}
	for text := range strings.SplitSeq(p.Values[column], ";") {
		if text = transfer.Trim(text); text != "" {
			list = append(list, text)
		}
	}
	return list
}

func (p *accountParser) emails(column int) []string {
	texts := p.list(column)
	if texts == nil {
		return nil
	}
	emails, err := transfer.ParseEmails(texts)
	p.refuse(column, upload.CodeBadValue, err)
	return emails
}

func parseStanding(text string) (storage.Standing, error) {
	standing := storage.Standing(strings.ToLower(text))
	if !slices.Contains(storage.Standings(), standing) {
		return "", fmt.Errorf("%q is not a standing: use one of %s", problem.Clip(text), joined(storage.Standings()))
	}
	return standing, nil
}

func parsePlans(plans []string) ([]string, error) {
	if len(plans) > transfer.MaxAccountPlans {
		return nil, fmt.Errorf("these are %d plans: an account can have at most %d", len(plans), transfer.MaxAccountPlans)
	}
	return slices.Compact(slices.Sorted(slices.Values(plans))), nil
}

func parseAccountRow(record upload.Record, columns []upload.Column) accountRow {
	p := &accountParser{Record: record}
	row := accountRow{place: record.Place, line: AccountLine{Line: record.Line}}
	if record.Row > 0 {
		row.line.Line = record.Row
	}
	operatorID := accountValue(p, accountColOperatorID, transfer.ParseOperatorID)
	externalID := p.removable(accountColExternalID, accountExternalID)
	currency := accountValue(p, accountColCurrency, transfer.ParseCurrency)
	c := storage.AccountChange{
		Email:    accountValue(p, accountColEmail, transfer.ParseEmail),
		Coverage: accountValue(p, accountColCoverage, parseCoverage),
		Standing: accountValue(p, accountColStanding, parseStanding),
		Name:     p.removable(accountColName, accountName),
		Contacts: storage.Contacts{},
	}
	for purpose, column := range map[transfer.ContactPurpose]int{
		transfer.ContactTransfers: accountColTransfers, transfer.ContactBilling: accountColBilling, transfer.ContactTechnical: accountColTechnical, transfer.ContactSecurity: accountColSecurity,
	} {
		if emails := p.emails(column); emails != nil {
			c.Contacts[purpose] = emails
		}
	}
	if plans := p.list(accountColPlans); plans != nil {
		sorted, err := parsePlans(plans)
		p.refuse(accountColPlans, upload.CodeBadValue, err)
		c.Plans = &sorted
	}
	switch {
	case operatorID != nil:
		row.ref, row.line.OperatorID, c.ExternalID = operatorID.Ref(), *operatorID, externalID
	case externalID != nil && *externalID != nil:
		row.ref = transfer.ExternalRef(**externalID)
	default:
		p.refuse(accountColOperatorID, upload.CodeMissing, errors.New("the account is missing: give its operator id, or its external id"))
	}
	row.line.ExternalID = valueOrZero(externalID)
	row.change = c
	row.account = storage.Account{
		OperatorID: row.line.OperatorID, Email: valueOrZero(c.Email), Currency: valueOrZero(currency), Coverage: valueOrZero(c.Coverage),
		Standing: valueOrZero(c.Standing), Name: valueOrZero(c.Name), ExternalID: valueOrZero(externalID), Contacts: c.Contacts, Plans: valueOrZero(c.Plans),
	}
	for column, missing := range map[int]bool{
		accountColOperatorID: operatorID == nil, accountColEmail: c.Email == nil, accountColCurrency: currency == nil, accountColCoverage: c.Coverage == nil,
	} {
		if missing {
			row.missing = append(row.missing, columns[column].Name)
		}
	}
	slices.Sort(row.missing)
	if p.refusal != nil {
		row.line = row.line.refused(p.refusal)
	}
	return row
}

func parseCoverage(text string) (string, error) {
	coverage, err := filled(transfer.ParseLine)(text)
	if err == nil {
		err = transfer.CheckLength(coverage, transfer.MaxCoverage)
	}
	return coverage, err
}

// apply creates or changes the account of a row. seen has the line of each account
// of the rows before.
func (r accountRow) apply(ctx context.Context, t *storage.Tx, seen map[int64]int) (AccountLine, error) {
	line := r.line
	if line.Outcome == accountRefused {
		return line, nil
	}
	change := r.change
	change.If = func(was storage.Account) error {
		line.OperatorID = was.OperatorID
		if first, twice := seen[was.ID]; twice {
			return &accountRefusal{accountColOperatorID, upload.CodeDuplicate, fmt.Sprintf("the account %s is in line %d already: remove one of the two", was.OperatorID, first)}
		}
		seen[was.ID] = line.Line
		if r.account.Currency != "" && r.account.Currency != was.Currency {
			return &accountRefusal{accountColCurrency, upload.CodeBadValue, fmt.Sprintf("the currency of the account is %s and cannot change to %s, because fees are quoted in it: correct the row", was.Currency, r.account.Currency)}
		}
		return nil
	}
	a, fields, err := t.UpdateAccount(ctx, actingCaller(ctx), r.ref, change)
	switch {
	case errors.Is(err, storage.ErrNotFound) && len(r.missing) > 0:
		err = &accountRefusal{accountColOperatorID, upload.CodeMissing, fmt.Sprintf("there is no such account, and to create it the row has no %s: add it, or correct the id", strings.Join(r.missing, ", "))}
	case errors.Is(err, storage.ErrNotFound):
		if a, err = t.CreateAccount(ctx, actingCaller(ctx), r.account); err == nil {
			seen[a.ID], line.Outcome = line.Line, accountCreated
		}
	case err == nil && len(fields) > 0:
		line.Outcome, line.Fields = accountUpdated, fields
	case err == nil:
		line.Outcome = accountUnchanged
	}
	if refusal := accountRefusalOf(err); refusal != nil {
		return line.refused(refusal), nil
	}
	if err == nil {
		line.OperatorID, line.ExternalID = a.OperatorID, a.ExternalID
	}
	return line, err
}

// accountRefusalOf returns an error that concerns only its row, nil for any other.
func accountRefusalOf(err error) *accountRefusal {
	var refusal *accountRefusal
	var taken *storage.ExternalIDTakenError
	var plans *storage.UnknownPlansError
	var inUse *storage.AccountInUseError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &taken):
		return &accountRefusal{accountColExternalID, upload.Code(storage.IdentifierTaken), taken.Error() + ": correct one of the two"}
	case errors.As(err, &plans):
		return &accountRefusal{accountColPlans, upload.Code(storage.UnknownPlan), plans.Error()}
	case errors.As(err, &inUse):
		return &accountRefusal{accountColStanding, upload.Code(problem.AccountInUse), inUse.Error()}
	}
	return nil
}
