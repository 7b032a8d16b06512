package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// A sync makes the inventory follow a file. Its rows are copied to temporary
// tables, compared with the inventory there, and applied by a few statements, so
// that neither a million rows nor their outcomes are held in memory. sync_sql.go
// has the statements.

// SyncField is a field of a SIM that a sync can set: its index in SyncFieldNames.
type SyncField uint8

// The fields that a sync treats in a way of their own. The settings follow, in the
// order of transfer.Policy.
const (
	SyncAccount SyncField = iota
	SyncStatus
	SyncPlan
	SyncIMSIs
	SyncMSISDNs
	SyncTransferLock
	SyncEID
	SyncLot
	SyncExternalID
	firstSyncSetting
)

// SyncFieldNames returns the names of the fields that a sync can set, as the API
// calls them.
func SyncFieldNames() []string {
	names := []string{"account", "status", "plan", "imsis", "msisdns", "transfer_lock", "eid", "lot", "external_id"}
	for _, s := range transfer.Policy() {
		names = append(names, strings.TrimPrefix(s.Name, "sim_")) // sim_group is called group
	}
	return names
}

// SyncFields is a set of fields.
type SyncFields uint32

// With returns the set with another field.
func (f SyncFields) With(field SyncField) SyncFields { return f | 1<<field }

// Without returns the set without a field.
func (f SyncFields) Without(field SyncField) SyncFields { return f &^ (1 << field) }

// Contains reports whether the set contains a field.
func (f SyncFields) Contains(field SyncField) bool { return f&(1<<field) != 0 }

// SyncRow is a row of the file of a sync.
type SyncRow struct {
	Line, Row int // where the row is in the file, see upload.Place

	// Fields are those that the row sets: a value that is empty clears the field.
	// The others stay as they are. ICCID is always set.
	Fields SyncFields
	SIM    NewSIM

	// Refused is why the row cannot be used, nil if it can. Then only the ICCID
	// counts, which is the zero value if it cannot be read.
	Refused *SyncRefusal
}

// SyncRefusal is why a row of a sync is refused.
type SyncRefusal struct {
	Code  SyncCode
	Field string // as in SyncFieldNames, or iccid; empty: none
	Value string // the value in the row; for the codes of the caller, what it wants to say
	Other string // what is in its way: the ICCID of another SIM, the owner, the status or the request
}

// SyncCode says why a row of a sync is refused. Callers have codes of their own
// for rows that cannot be used.
type SyncCode string

// The codes of refusals that only the database finds.
const (
	SyncDuplicate      SyncCode = "duplicate"          // another row has the same SIM or the same identifier
	SyncTaken          SyncCode = "taken"              // another SIM keeps the identifier
	SyncUnknownAccount SyncCode = "unknown_account"    // no account has the operator id
	SyncClosedAccount  SyncCode = "account_closed"     // a new SIM for a closed account
	SyncOtherOwner     SyncCode = "other_owner"        // the SIM belongs to another account
	SyncUnknownPlan    SyncCode = "unknown_plan"       // there is no such plan
	SyncBarredPlan     SyncCode = "plan_not_available" // the account may not hold the plan
	SyncMissing        SyncCode = "missing_value"      // a new SIM without an account, an IMSI or a plan
	SyncStatusRefused  SyncCode = "sim_status"         // transfer.ChangeStatus does not allow the change
	SyncProtected      SyncCode = "sim_protected"      // a SIM with termination protection would be terminated
	SyncInTransfer     SyncCode = "sim_in_transfer"    // a missing SIM has an open transfer
)

// SyncCodes lists the codes of refusals that only the database finds.
func SyncCodes() []SyncCode {
	return []SyncCode{
		SyncDuplicate, SyncTaken, SyncUnknownAccount, SyncClosedAccount, SyncOtherOwner,
		SyncUnknownPlan, SyncBarredPlan, SyncMissing, SyncStatusRefused, SyncProtected, SyncInTransfer,
	}
}

// SyncStatusActor is as whom a sync changes the status of SIMs.
const SyncStatusActor = transfer.ByAdmin

// SyncOutcome is what a sync did with a row of the file, or with a SIM that the
// file does not have.
type SyncOutcome string

// The outcomes.
const (
	SyncCreated   SyncOutcome = "created"
	SyncChanged   SyncOutcome = "changed"
	SyncUnchanged SyncOutcome = "unchanged"
	SyncRefused   SyncOutcome = "refused"
	SyncMissed    SyncOutcome = "missing" // a SIM that the file does not have
	SyncRetired   SyncOutcome = "retired" // such a SIM that was terminated
)

// SyncOutcomes lists every outcome.
func SyncOutcomes() []SyncOutcome {
	return []SyncOutcome{SyncCreated, SyncChanged, SyncUnchanged, SyncRefused, SyncMissed, SyncRetired}
}

// SyncOptions say how to sync.
type SyncOptions struct {
	// Fields are those that rows can have. Zero means all.
	Fields SyncFields

	// Compare is the number of rows from which on they are compared with the
	// inventory before SIMs are locked, so that only those that differ are. That
	// reads the whole inventory. Zero means 1000.
	Compare int

	// Full takes the file as the whole inventory, or as that of an account, and
	// finds the SIMs that it does not have.
	Full          bool
	Account       int64   // 0: the file has the SIMs of all accounts
	RetireMissing bool    // terminates the SIMs that the file does not have
	MaxShare      float64 // of the SIMs, that RetireMissing may terminate; from 0 to 1
}

// SyncResult counts what a sync did.
type SyncResult struct {
	Rows      int // of the file
	Created   int
	Changed   int
	Unchanged int
	Refused   int // also missing SIMs that were not retired
	Missing   int // SIMs that the file does not have, without those retired or refused
	Retired   int
	Fields    map[string]int // how many of Changed changed in each field
}

// RetireShareError is returned if a sync would retire a greater share of the SIMs
// than allowed. Nothing was changed.
type RetireShareError struct {
	Missing, SIMs int // SIMs that the file does not have, and all that are not terminated
	MaxShare      float64
}

func (e *RetireShareError) Error() string {
	return fmt.Sprintf("the file does not have %d of %d SIMs, which is a share of %.4f, and at most %g may be retired: nothing was changed. "+
		"Check that the file is complete, or allow a greater share", e.Missing, e.SIMs, float64(e.Missing)/float64(max(e.SIMs, 1)), e.MaxShare)
}

const (
	// syncTimeout is the time limit for each statement of a sync.
	syncTimeout = 10 * time.Minute

	// syncLockTimeout is how long a sync waits for another one, and for SIMs that
	// others hold. Chunks of transfers hold SIMs for less than a second.
	syncLockTimeout = 10 * time.Second

	// syncStatistics is how much of its temporary tables a sync samples for plans:
	// a tenth of the default.
	syncStatistics = "10"
)

// Sync is a sync in progress. Its outcomes can be read until the transaction ends.
type Sync struct {
	SyncResult
	t *Tx
}

// SyncSIMs makes the inventory follow the rows of a file. Rows are independent of
// each other: a row that is refused changes nothing, and the others are applied.
// If the sequence yields an error, SyncSIMs returns it. It returns ErrSyncRunning
// if another sync does not end in time, and a *RetireShareError.
//
// The caller records the sync in the audit trail with AuditSync.
func (t *Tx) SyncSIMs(ctx context.Context, o SyncOptions, rows iter.Seq2[SyncRow, error]) (*Sync, error) {
	if err := t.beginSync(ctx); err != nil {
		return nil, err
	}
	s := &Sync{t: t}
	if o.Fields == 0 {
		o.Fields = 1<<len(SyncFieldNames()) - 1
	}
	staged, err := t.stageSync(ctx, o.Fields, rows)
	if err != nil {
		return nil, err
	}
	s.Rows = staged.rows
	if err := s.compare(ctx, staged, staged.rows >= cmp.Or(o.Compare, 1000)); err != nil {
		return nil, err
	}
	if err := s.findMissing(ctx, o); err != nil {
		return nil, err
	}
	if err := s.judge(ctx, o); err != nil {
		return nil, err
	}
	if err := s.apply(ctx); err != nil {
		return nil, err
	}
	return s, s.count(ctx)
}

// run runs statements one after the other.
func (s *Sync) run(ctx context.Context, steps ...syncStep) error {
	for _, step := range steps {
		if _, err := s.t.exec(ctx, step.statement, step.args); err != nil {
			if isUnique(err, "identifiers_pkey") || isUnique(err, "sim_details_external_id_key") {
				return errLostRace // after a retry, the sync names the SIM
			}
			return fmt.Errorf("syncing SIMs: %s: %w", step.statement.name, err)
		}
	}
	return nil
}

type syncStep struct {
	statement *statement
	args      args
}

func step(s *statement, a args) syncStep { return syncStep{s, a} }

// beginSync waits until no other sync is running.
func (t *Tx) beginSync(ctx context.Context) error {
	if err := t.AllowLong(ctx, syncTimeout); err != nil {
		return err
	}
	if _, err := t.exec(ctx, setSyncTimeouts, args{"milliseconds": fmt.Sprint(syncLockTimeout.Milliseconds())}); err != nil {
		return fmt.Errorf("preparing a sync: %w", err)
	}
	if _, err := t.exec(ctx, lockSync, args{}); isLockTimeout(err) {
		return ErrSyncRunning
	} else if err != nil {
		return fmt.Errorf("waiting for another sync: %w", err)
	}
	if err := t.DeclareNoEvents(ctx); err != nil {
		return err
	}
	if err := t.command(ctx, syncTables()); err != nil {
		return fmt.Errorf("preparing a sync: %w", err)
	}
	return nil
}

// stageSync copies the rows to the table synced, and returns their number, the
// fields that any of them has, and those that every one has.
func (t *Tx) stageSync(ctx context.Context, possible SyncFields, rows iter.Seq2[SyncRow, error]) (staged stagedSync, err error) {
	external := false // whether any row has an external id of an account
	var columns []SyncField
	for f := range SyncField(len(SyncFieldNames())) {
		if possible.Contains(f) {
			columns = append(columns, f)
		}
	}
	staged.every = possible
	err = t.copyIn(ctx, `COPY synced (`+stagedColumns(possible)+`) FROM STDIN`, func(to *copiedRows) error {
		for row, err := range rows {
			if err != nil {
				return err
			}
			if _, is := row.SIM.Account.External(); is {
				external = true
			}
			to.addInt(staged.rows)
			row.copyTo(to, columns)
			if err := to.end(); err != nil {
				return fmt.Errorf("staging a sync: %w", err)
			}
			staged.rows++
			staged.some |= row.Fields
			staged.every &= row.Fields
		}
		return nil
	})
	if err != nil {
		return staged, err
	}
	if external {
		if _, err := t.exec(ctx, resolveSyncAccounts, args{}); err != nil {
			return staged, fmt.Errorf("resolving the accounts of a sync: %w", err)
		}
	}
	return staged, t.command(ctx, `ANALYZE synced (iccid)`)
}

// stagedSync is what a file has.
type stagedSync struct {
	rows        int
	some, every SyncFields // fields that any row has, and that every row has
}

// copyTo adds the values of a row in the order of stagedColumns, without the first,
// which is its number.
func (r *SyncRow) copyTo(to *copiedRows, columns []SyncField) {
	to.addInt(r.Line)
	to.addInt(r.Row)
	to.addInt(int(r.Fields))
	addIdentifier(to, r.SIM.ICCID)
	other, _ := r.SIM.ICCID.OtherForm()
	addIdentifier(to, other)
	if r.Refused != nil {
		to.add(string(r.Refused.Code), r.Refused.Field, r.Refused.Value)
	} else {
		to.add(nil, nil, nil)
	}
	var settings []any
	for _, f := range columns {
		switch {
		case !r.Fields.Contains(f):
			to.addNull()
		case f >= firstSyncSetting:
			if settings == nil {
				settings = r.SIM.settingValues()
			}
			to.add(settings[f-firstSyncSetting])
		default:
			r.SIM.copyField(to, f)
		}
	}
}

// copyField adds the value of a field that is no setting.
func (s *NewSIM) copyField(to *copiedRows, f SyncField) {
	switch f {
	case SyncAccount:
		to.addText(string(s.Account))
	case SyncStatus:
		to.addText(string(s.Status))
	case SyncPlan:
		to.addText(s.Plan)
	case SyncIMSIs:
		to.addText(identifierList(s.IMSIs))
	case SyncMSISDNs:
		to.addText(identifierList(s.MSISDNs))
	case SyncTransferLock:
		to.add(s.TransferLock)
	case SyncEID:
		to.add(s.EID)
	case SyncLot:
		to.add(s.Lot)
	case SyncExternalID:
		to.add(s.ExternalID)
	case firstSyncSetting:
	}
}

// identifierList returns identifiers in ascending order, separated by commas.
func identifierList(list []transfer.Identifier) string {
	if len(list) == 1 {
		return list[0].String()
	}
	texts := make([]string, len(list))
	for i, id := range list {
		texts[i] = id.String()
	}
	slices.Sort(texts)
	return strings.Join(texts, ",")
}

// addIdentifier adds an identifier, or null for none.
func addIdentifier(to *copiedRows, id transfer.Identifier) {
	if id == (transfer.Identifier{}) {
		to.addNull()
	} else {
		to.addText(id.String())
	}
}

// compare finds the rows that have to be looked at under the locks of their SIMs,
// and these SIMs: of few rows all, otherwise those that differ, that are new, and
// that are refused.
func (s *Sync) compare(ctx context.Context, staged stagedSync, many bool) error {
	take := step(takeSyncRows, args{})
	if err := s.refreshStatistics(ctx, 0); err != nil {
		return err
	}
	if many {
		take = step(compareSync, args{"some": int64(staged.some), "every": int64(staged.every), "seed": rand.Int64()})
	}
	if err := s.run(ctx, take); err != nil {
		return err
	}
	if err := s.t.command(ctx, `ANALYZE sync_candidates`); err != nil {
		return fmt.Errorf("comparing a sync: %w", err)
	}
	return s.run(ctx, step(matchSync, args{}), step(matchSyncOtherForm, args{}), step(findSyncTwins, args{}), step(findNewSyncTwins, args{}))
}

// findMissing finds the SIMs that the file does not have, and checks that they are
// not too many to be retired.
func (s *Sync) findMissing(ctx context.Context, o SyncOptions) error {
	if !o.Full {
		return nil
	}
	if err := s.run(ctx,
		step(findSyncMissing, args{"account": o.Account}),
		step(keepSyncForms, args{}),
	); err != nil {
		return err
	}
	if !o.RetireMissing {
		return nil
	}
	share := RetireShareError{MaxShare: o.MaxShare}
	var counts struct {
		Missing int `db:"missing"`
		SIMs    int `db:"sims"`
	}
	if err := s.t.get(ctx, &counts, countSyncMissing, args{"account": o.Account}); err != nil {
		return fmt.Errorf("counting the SIMs that a sync would retire: %w", err)
	}
	if share.Missing, share.SIMs = counts.Missing, counts.SIMs; float64(counts.Missing) > o.MaxShare*float64(counts.SIMs) {
		return &share
	}
	return nil
}

// judge locks the SIMs that may change, and then decides what happens to each row.
func (s *Sync) judge(ctx context.Context, o SyncOptions) error {
	if err := s.t.command(ctx, `ANALYZE sync_candidates, sync_missing`); err != nil {
		return fmt.Errorf("judging a sync: %w", err)
	}
	if err := s.run(ctx, step(lockSyncSIMs, args{"missing": o.RetireMissing})); err != nil {
		return err
	}
	var lost bool
	if err := s.t.get(ctx, &lost, findSyncLosses, args{}); err != nil {
		return fmt.Errorf("judging a sync: %w", err)
	}
	if lost {
		return errLostRace // after a retry, the row has another SIM, or a new one
	}
	if err := s.run(ctx,
		step(judgeSync, args{}),
		step(judgeSyncMissing, args{"rows": s.Rows, "account": o.Account, "retire": o.RetireMissing}),
	); err != nil {
		return err
	}
	if err := s.t.command(ctx, `ANALYZE sync_rows`); err != nil {
		return fmt.Errorf("judging a sync: %w", err)
	}
	if err := s.run(ctx, step(claimSync, args{}), step(releaseSync, args{})); err != nil {
		return err
	}
	if err := s.t.command(ctx, `CREATE INDEX ON sync_claims (external, identifier); CREATE INDEX ON sync_releases (n); ANALYZE sync_claims, sync_releases`); err != nil {
		return fmt.Errorf("judging a sync: %w", err)
	}
	return s.run(ctx, step(refuseSyncConflicts, args{}))
}

// apply changes the inventory. What a SIM loses is deleted first, so that another
// one can get it.
func (s *Sync) apply(ctx context.Context) error {
	if err := s.run(ctx,
		step(numberSyncSIMs, args{}),
		step(deleteSyncIdentifiers, args{}),
		step(clearSyncExternalIDs, args{}),
	); err != nil {
		return err
	}
	created, err := s.t.exec(ctx, createSyncSIMs, args{})
	if err != nil {
		return fmt.Errorf("creating the SIMs of a sync: %w", err)
	}
	if err := s.run(ctx, step(insertSyncIdentifiers, args{})); err != nil {
		return err
	}
	if err := s.refreshStatistics(ctx, created); err != nil {
		return err
	}
	return s.run(ctx,
		step(updateSyncSIMs, args{}),
		step(putSyncDetails, args{}),
		step(deleteSyncDetails, args{}),
		step(recordSyncIdentifiers, args{}),
		step(retireSyncSIMs, args{}),
	)
}

// refreshStatistics takes statistics of the inventory, with the usual target.
func (s *Sync) refreshStatistics(ctx context.Context, added int64) error {
	if err := s.t.refreshStatistics(ctx, added); err != nil {
		return err
	}
	if err := s.t.command(ctx, `SET LOCAL default_statistics_target = `+syncStatistics); err != nil {
		return fmt.Errorf("after taking statistics: %w", err)
	}
	return nil
}

func (s *Sync) count(ctx context.Context) error {
	var outcomes []struct {
		Outcome SyncOutcome `db:"outcome"`
		Rows    int         `db:"rows"`
		Missing int         `db:"missing"` // of these, SIMs that the file does not have
	}
	if err := s.t.list(ctx, &outcomes, countSyncOutcomes, args{"rows": s.Rows}); err != nil {
		return fmt.Errorf("counting the outcomes of a sync: %w", err)
	}
	s.Unchanged = s.Rows
	for _, o := range outcomes {
		switch o.Outcome {
		case SyncCreated:
			s.Created = o.Rows
		case SyncChanged:
			s.Changed = o.Rows
		case SyncRefused:
			s.Refused = o.Rows
		case SyncMissed:
			s.Missing = o.Rows
		case SyncRetired:
			s.Retired = o.Rows
		case SyncUnchanged:
			continue
		}
		s.Unchanged -= o.Rows - o.Missing
	}
	var fields []struct {
		Field string `db:"field"`
		SIMs  int    `db:"sims"`
	}
	if err := s.t.list(ctx, &fields, countSyncFields, args{}); err != nil {
		return fmt.Errorf("counting the fields that a sync changed: %w", err)
	}
	s.Fields = map[string]int{}
	for _, f := range fields {
		s.Fields[f.Field] = f.SIMs
	}
	return nil
}

// SyncedRow is the outcome of a row of the file, or of a SIM that it does not have.
type SyncedRow struct {
	N         int              `db:"n"`
	Line      int              `db:"line"` // 0 for a SIM that the file does not have
	Row       int              `db:"doc_row"`
	ICCID     *string          `db:"iccid"` // nil: it cannot be read
	Outcome   SyncOutcome      `db:"outcome"`
	Fields    pq.StringArray   `db:"fields"` // that changed
	Before    *json.RawMessage `db:"before"` // their values
	After     *json.RawMessage `db:"after"`
	Code      *SyncCode        `db:"code"` // why the row was refused
	Field     *string          `db:"field"`
	Value     *string          `db:"value"`
	Other     *string          `db:"other"`
	OtherLine *int             `db:"other_line"` // where the other row is, for SyncDuplicate
	OtherRow  *int             `db:"other_row"`
}

// SyncedFilter selects outcomes.
type SyncedFilter struct {
	Unchanged bool // also rows that changed nothing
	Refused   bool // only rows that were refused
}

// syncedPage is the number of outcomes that one statement reads.
const syncedPage = 5000

// Outcomes calls fn with the outcomes in the order of the file, followed by those
// of SIMs that it does not have. They are read page by page.
func (s *Sync) Outcomes(ctx context.Context, f SyncedFilter, fn func(SyncedRow) error) error {
	if f.Unchanged {
		if err := s.run(ctx, step(addUnchangedSync, args{})); err != nil {
			return err
		}
	}
	// Refused rows refer to others by their number.
	if err := s.t.command(ctx, `CREATE INDEX IF NOT EXISTS synced_n ON synced (n); CREATE INDEX IF NOT EXISTS sync_rows_n ON sync_rows (n); ANALYZE synced, sync_rows`); err != nil {
		return fmt.Errorf("reading the outcomes of a sync: %w", err)
	}
	for after := -1; ; {
		var page []SyncedRow
		if err := s.t.list(ctx, &page, selectSyncOutcomes, args{
			"after": after, "unchanged": f.Unchanged, "refused": f.Refused, "limit": syncedPage,
		}); err != nil {
			return fmt.Errorf("reading the outcomes of a sync: %w", err)
		}
		for _, row := range page {
			if err := fn(row); err != nil {
				return err
			}
		}
		if len(page) < syncedPage {
			return nil
		}
		after = page[len(page)-1].N
	}
}

// AuditSync records a sync in the audit trail. File identifies the file, such as
// by its hash.
func (t *Tx) AuditSync(ctx context.Context, by Actor, o SyncOptions, r SyncResult, file string) error {
	after := map[string]any{
		"rows": r.Rows, "created": r.Created, "changed": r.Changed, "unchanged": r.Unchanged, "refused": r.Refused, "fields": r.Fields,
	}
	if o.Full {
		after["missing"], after["retired"] = r.Missing, r.Retired
	}
	if o.RetireMissing {
		after["max_retire_share"] = o.MaxShare
	}
	return t.Audit(ctx, AuditEntry{By: by, Action: transfer.AuditSIMSync, Account: o.Account, Object: "sync", ObjectID: file, After: after})
}
