package cli

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

type simsCommand struct {
	Import  simsImportCommand  `cmd:"" help:"Add SIMs to the inventory (administrators)."`
	Sync    simsSyncCommand    `cmd:"" help:"Make the inventory follow a file (administrators)."`
	List    simsListCommand    `cmd:"" help:"List SIMs."`
	Show    simsShowCommand    `cmd:"" help:"Show a SIM."`
	History simsHistoryCommand `cmd:"" help:"Show the owners, transfers, sessions and charges of a SIM (support)."`
	Lock    simsLockCommand    `cmd:"" help:"Protect SIMs from being transferred (owner)."`
	Unlock  simsUnlockCommand  `cmd:"" help:"Remove the transfer lock of SIMs (owner)."`
	Protect simsProtectCommand `cmd:"" help:"Switch the termination protection of SIMs on or off (owner)."`
	Update  simsUpdateCommand  `cmd:"" help:"Change the status, plan, tags and other values of SIMs."`
	Change  simsChangeCommand  `cmd:"" help:"Make one change to all SIMs that match a filter or are in a file."`
	Numbers simsNumbersCommand `cmd:"" help:"Add, move and remove numbers and IMSIs of a SIM (support)."`
	Swap    simsSwapCommand    `cmd:"" help:"Replace a SIM by a new card (support)."`
	Retire  simsRetireCommand  `cmd:"" help:"Retire a SIM that was imported by mistake (administrators)."`
	Correct simsCorrectCommand `cmd:"" help:"Correct the status of a SIM (administrators)."`

	Sessions        simsSessionsCommand        `cmd:"" help:"List the data sessions of a SIM."`
	DropSessions    simsDropSessionsCommand    `cmd:"" help:"End the open data sessions of a SIM."`
	UnknownSessions simsUnknownSessionsCommand `cmd:"" help:"List data sessions that name no SIM (support)."`

	CorrectOwner simsCorrectOwnerCommand `cmd:"" help:"Correct the owner of a SIM (administrators)."`
}

type simsImportCommand struct {
	upload
	post
}

// Help returns the detailed help.
func (simsImportCommand) Help() string {
	return `Imports all SIMs in the file, or none if a row has an error. The file can have up to a million rows and is streamed.

Required CSV columns or JSON fields: iccid, imsis, account, plan. Optional: msisdns, status, tags, expiration, termination_protection, group, event_handlers, speed_class, containers, imei_lock, transfer_lock, eid, lot, external_id. In CSV, separate several IMSIs, MSISDNs or tags with semicolons.

Examples:

    simtransfer sims import inventory.csv
    zcat inventory.ndjson.gz | simtransfer sims import - --format=ndjson`
}

// Run runs the command.
func (c *simsImportCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	f, err := c.openUpload(l)
	if err != nil {
		return err
	}
	defer f.close()
	imported, err := l.client.ImportSIMs(ctx, f.format, f.reader, l.options(client.Timeout(bulkTimeout), c.idempotent(), c.columns())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		l.note("%s imported.", counted(imported.Imported, "SIM", "SIMs"))
		return nil
	})
}

type simsListCommand struct {
	paging
	Account accountRef `placeholder:"OP…" help:"Only SIMs of this account (support). Required by support for --group and --tag."`
	simConditions
	remote
}

// Help returns the detailed help.
func (simsListCommand) Help() string {
	return `An account sees its own SIMs; support sees all SIMs. SIMs match every condition that is given, and one of several values of a condition.

Examples:

    simtransfer sims list --status=ready,active --lot=box-7 --lot=box-8
    simtransfer sims list --range=8988211000000000011-8988211000000000099
    simtransfer sims list --tag=site=north --prefix=8988211
    simtransfer sims list --account=OP0000000001 --all
    simtransfer sims list --all --json | jq -r '.items[].iccid'`
}

// Run runs the command.
func (c *simsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.SIMFilter{
		Account:       c.Account.ref(),
		SIMConditions: c.conditions(),
	}
	list := func(p client.Paging) (client.Page[client.SIM], error) {
		return l.client.ListSIMs(ctx, filter, p, l.options()...)
	}
	head := []string{"ICCID", "ACCOUNT", "STATUS", "PLAN", "ONLINE", "LOCKED", "TRANSFER"}
	return printList(l, c.paging, maxPage, list, head, func(v client.SIM) []string {
		state := valueOrZero(v.Transfer).State
		return []string{v.ICCID, accountText(v.Account, v.AccountID), string(v.Status), v.Plan, yesNo(v.Online), yesNo(v.TransferLock), string(state)}
	})
}

type simsShowCommand struct {
	SIMs []identifier `arg:"" name:"sim" help:"ICCIDs, IMSIs or MSISDNs."`
	showsETag
	remote
}

// Help returns the detailed help.
func (simsShowCommand) Help() string {
	return `The SIM can be named by its ICCID, an IMSI, or an MSISDN with or without a leading plus.

Examples:

    simtransfer sims show 8988211000000000011
    simtransfer sims show +12025550101 --json`
}

// Run runs the command.
func (c *simsShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, c.showsETag, c.SIMs, func(l *connection, id identifier, options ...client.Option) (client.SIM, error) {
		return l.client.GetSIM(ctx, string(id), options...)
	}, printSIM)
}

func printSIM(l *connection, v client.SIM) error {
	t := newTable(l.Out)
	t.add("ICCID", v.ICCID)
	t.add("IMSIs", strings.Join(v.IMSIs, ", "))
	t.add("MSISDNs", strings.Join(v.MSISDNs, ", "))
	t.add("Account", accountText(v.Account, v.AccountID)+" since "+timeText(v.Since))
	t.add("Status", string(v.Status))
	t.add("Plan", v.Plan)
	t.add("Online", yesNo(v.Online))
	t.add("Transfer lock", yesNo(v.TransferLock))
	if v.Transfer != nil {
		state := string(v.Transfer.State)
		if v.Transfer.ExpiresAt != nil {
			state += " until " + timeText(*v.Transfer.ExpiresAt)
		}
		t.add("Transfer", v.Transfer.Request.String()+", "+state)
	}
	if v.RetiredAt != nil {
		t.add("Retired", timeText(*v.RetiredAt))
	}
	t.add("Termination protection", yesNo(v.TerminationProtection))
	for _, row := range []struct{ name, value string }{
		{"Expiration", timeText(valueOrZero(v.Expiration))},
		{"Group", v.Group},
		{"Speed class", v.SpeedClass},
		{"IMEI lock", v.IMEILock},
		{"EID", v.EID},
		{"Lot", v.Lot},
		{"External id", v.ExternalID},
		{"Tags", tagsText(v.Tags)},
		{"Event handlers", strings.Join(v.EventHandlers, ", ")},
		{"Containers", strings.Join(v.Containers, ", ")},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	return t.flush()
}

func tagsText(tags map[string]string) string {
	list := make([]string, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, name+"="+tags[name])
	}
	return strings.Join(list, ", ")
}

type simsLockCommand struct{ selectedSIMs }

// Help returns the detailed help.
func (simsLockCommand) Help() string {
	return `A locked SIM cannot be transferred: in a transfer request it is ineligible, with the reason sim_locked. SIMs that are selected with --filter or --file are all locked, or none of them, as by sims change.

Examples:

    simtransfer sims lock 8988211000000000011 8988211000000000029
    simtransfer sims lock --filter=lot=box-7 --expect-count=250`
}

// Run runs the command.
func (c *simsLockCommand) Run(ctx context.Context, s *Session) error {
	return c.setLock(ctx, s, true)
}

type simsUnlockCommand struct{ selectedSIMs }

// Help returns the detailed help.
func (simsUnlockCommand) Help() string {
	return `SIMs that are selected with --filter or --file are all unlocked, or none of them, as by sims change.

Examples:

    simtransfer sims unlock 8988211000000000011
    simtransfer sims unlock --filter=lot=box-7 --expect-count=250`
}

// Run runs the command.
func (c *simsUnlockCommand) Run(ctx context.Context, s *Session) error {
	return c.setLock(ctx, s, false)
}

// selectedSIMs is embedded in the commands that switch something of SIMs that are
// named or selected on or off.
type selectedSIMs struct {
	SIMs []identifier `arg:"" optional:"" name:"sim" help:"ICCIDs, IMSIs or MSISDNs."`
	whichSIMs
	condition
	post
}

// Validate implements kong's validation.
func (c *selectedSIMs) Validate() error {
	switch {
	case len(c.SIMs) == 0 && !c.many():
		return usageError("no SIMs: name them, or give --filter or --file")
	case len(c.SIMs) > 0 && !reflect.ValueOf(c.whichSIMs).IsZero():
		return usageError("the SIMs are named: leave out --filter, --file, --expect-count, --dry-run and --skip-refused, which select SIMs and guard that")
	case len(c.SIMs) > 0 && c.IdempotencyKey != "":
		return usageError("--idempotency-key is for --filter and --file: repeating the command for SIMs that are named is safe without it")
	case c.many() && c.IfMatch != "":
		return usageError("--if-match is for one SIM: name only that one")
	}
	return c.oneOf(len(c.SIMs))
}

// setLock sets the lock of the SIMs.
func (c *selectedSIMs) setLock(ctx context.Context, s *Session, lock bool) error {
	return c.set(ctx, s, "lock", lock, client.SIMChange{TransferLock: &lock}, func(l *connection, v client.SIM) {
		l.note("%s: transfer lock %s.", v.ICCID, onOff(v.TransferLock))
	})
}

// set changes each SIM that is named, or sets what simsChangeCommand calls name for
// all that are selected, or for none of these.
func (c *selectedSIMs) set(ctx context.Context, s *Session, name string, on bool, change client.SIMChange, say func(*connection, client.SIM)) error {
	if c.many() {
		change := simsChangeCommand{whichSIMs: c.whichSIMs, Set: []string{name + "=" + strconv.FormatBool(on)}, post: c.post}
		return change.Run(ctx, s)
	}
	return updateSIMs(ctx, s, c.remote, c.condition, c.SIMs, change, say)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// updateSIMs makes a change to each SIM, and says what it is afterwards.
func updateSIMs(ctx context.Context, s *Session, r remote, when condition, sims []identifier, change client.SIMChange, say func(*connection, client.SIM)) error {
	l, err := r.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, sims, func(sim identifier) error {
		v, err := l.client.UpdateSIM(ctx, string(sim), change, l.options(when.ifMatch())...)
		if err != nil {
			return l.explain(err)
		}
		return l.show(func() error {
			say(l, v)
			return nil
		})
	})
}

type simsProtectCommand struct {
	selectedSIMs
	Off bool `help:"Switch the protection off."`
}

// Help returns the detailed help.
func (simsProtectCommand) Help() string {
	return `A protected SIM cannot be terminated, not even by support. SIMs that are selected with --filter or --file are all changed, or none of them, as by sims change.

Examples:

    simtransfer sims protect 8988211000000000011
    simtransfer sims protect --off 8988211000000000011
    simtransfer sims protect --filter=lot=box-7 --expect-count=250`
}

// Run runs the command.
func (c *simsProtectCommand) Run(ctx context.Context, s *Session) error {
	on := !c.Off
	return c.set(ctx, s, "protection", on, client.SIMChange{TerminationProtection: &on}, func(l *connection, v client.SIM) {
		l.note("%s: termination protection %s.", v.ICCID, onOff(v.TerminationProtection))
	})
}

type simsCorrectCommand struct {
	SIM    identifier `arg:"" name:"sim" help:"ICCID, IMSI or MSISDN."`
	Status string     `required:"" placeholder:"STATUS" help:"Status that the SIM should have."`
	Reason string     `required:"" placeholder:"TEXT" help:"Why the status has to be corrected. Recorded in the audit trail."`
	condition
	post
}

// Help returns the detailed help.
func (simsCorrectCommand) Help() string {
	return `Undoes a mistake. Only this command brings a SIM back from terminated, or back to ready.

Example:

    simtransfer sims correct 8988211000000000011 --status=ready --reason="activated by mistake, CASE-1001"`
}

// Run runs the command.
func (c *simsCorrectCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	v, err := l.client.CorrectSIMStatus(ctx, string(c.SIM), client.StatusCorrection{Status: transfer.Status(c.Status), Reason: c.Reason}, l.options(c.idempotent(), c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		l.note("%s: the status is %s.", v.ICCID, v.Status)
		return nil
	})
}
