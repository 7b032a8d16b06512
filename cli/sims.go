package cli

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"simtransfer/transfer"
)

type simsCommand struct {
	Import  simsImportCommand  `cmd:"" help:"Add SIMs to the inventory (administrators)."`
	List    simsListCommand    `cmd:"" help:"List SIMs."`
	Show    simsShowCommand    `cmd:"" help:"Show a SIM."`
	History simsHistoryCommand `cmd:"" help:"Show whose a SIM was, its transfers, sessions and charges (support)."`
	Lock    simsLockCommand    `cmd:"" help:"Keep SIMs from being transferred (their owner)."`
	Unlock  simsUnlockCommand  `cmd:"" help:"Take the transfer lock off SIMs (their owner)."`
}

// sim is a SIM as the API shows it.
type sim struct {
	ICCID                 string            `json:"iccid"`
	IMSIs                 []string          `json:"imsis"`
	MSISDNs               []string          `json:"msisdns"`
	Account               string            `json:"account"`
	Since                 *time.Time        `json:"since"`
	Status                string            `json:"status"`
	Plan                  string            `json:"plan"`
	Online                bool              `json:"online"`
	TransferLock          bool              `json:"transfer_lock"`
	TerminationProtection bool              `json:"termination_protection"`
	Expiration            *time.Time        `json:"expiration"`
	Group                 *string           `json:"group"`
	SpeedClass            *string           `json:"speed_class"`
	IMEILock              *string           `json:"imei_lock"`
	Tags                  map[string]string `json:"tags"`
	EventHandlers         []string          `json:"event_handlers"`
	Containers            []string          `json:"containers"`
	Transfer              *struct {
		Request   string     `json:"request"`
		State     string     `json:"state"`
		ExpiresAt *time.Time `json:"expires_at"`
	} `json:"transfer"`
}

// simName names a SIM on the command line.
type simName string

// UnmarshalText reads an ICCID, IMSI or MSISDN.
func (n *simName) UnmarshalText(text []byte) error {
	id, err := transfer.ParseIdentifier(string(text))
	*n = simName(id.String())
	return err
}

// operatorID names an account on the command line.
type operatorID string

// UnmarshalText reads OP and ten digits.
func (o *operatorID) UnmarshalText(text []byte) error {
	id, err := transfer.ParseOperatorID(string(text))
	*o = operatorID(id)
	return err
}

type simsImportCommand struct {
	uploaded
	post
}

// Help is the detailed help.
func (simsImportCommand) Help() string {
	return `All SIMs of the file are imported, or none if one of them is wrong. The file is sent as it is read: up to a million rows.

Columns of a CSV file, or fields of an object: iccid, imsis, account and plan; and if there is something to say, msisdns, status, tags, expiration, termination_protection, group, event_handlers, speed_class, containers, imei_lock, transfer_lock. In CSV several IMSIs, MSISDNs or tags are separated by semicolons.

Examples:

    simtransfer sims import inventory.csv
    zcat inventory.ndjson.gz | simtransfer sims import - --format=ndjson`
}

// Run carries the command out.
func (c *simsImportCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var done struct {
		Imported int64 `json:"imported"`
	}
	answer, err := c.send(ctx, l, c.post, "/v1/sims", &done)
	if err != nil {
		return err
	}
	return l.show(answer, func() error {
		l.note("%d SIMs imported.", done.Imported)
		return nil
	})
}

type simsListCommand struct {
	paging
	Account operatorID `placeholder:"OP…" help:"Only the SIMs of this account (support)."`
	Status  string     `enum:"ready,active,inactive,standby,suspended,terminated," default:"" help:"Only SIMs of this status: ready, active, inactive, standby, suspended or terminated."`
	Plan    string     `placeholder:"NAME" help:"Only SIMs on this plan."`
	Group   string     `placeholder:"NAME" help:"Only SIMs in this group; support names the --account, too."`
	Tag     string     `placeholder:"NAME[=VALUE]" help:"Only SIMs with this tag; support names the --account, too."`
	Prefix  string     `placeholder:"DIGITS" help:"Only SIMs with an ICCID, IMSI or MSISDN that begins with these 6 digits or more."`
	remote
}

// Help is the detailed help.
func (simsListCommand) Help() string {
	return `An account sees its own SIMs; support sees everybody's.

Examples:

    simtransfer sims list --status=ready
    simtransfer sims list --tag=site=north --prefix=8988211
    simtransfer sims list --account=OP0000000001 --all
    simtransfer sims list --all --json | jq -r '.items[].iccid'`
}

// Run carries the command out.
func (c *simsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	list := listing{paging: c.paging, path: "/v1/sims", query: url.Values{
		"account": {string(c.Account)}, "status": {c.Status},
		"plan": {c.Plan}, "group": {c.Group}, "tag": {c.Tag}, "identifier_prefix": {c.Prefix},
	}}
	head := []string{"ICCID", "ACCOUNT", "STATUS", "PLAN", "ONLINE", "LOCKED", "TRANSFER"}
	return printList(ctx, l, list, head, func(v sim) []string {
		state := ""
		if v.Transfer != nil {
			state = v.Transfer.State
		}
		return []string{v.ICCID, v.Account, v.Status, v.Plan, yes(v.Online), yes(v.TransferLock), state}
	})
}

type simsShowCommand struct {
	SIM simName `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN."`
	remote
}

// Help is the detailed help.
func (simsShowCommand) Help() string {
	return `Any identifier will do: an ICCID, an IMSI, or an MSISDN with or without its plus.

Examples:

    simtransfer sims show 8988211000000000011
    simtransfer sims show +12025550101 --json`
}

// Run carries the command out.
func (c *simsShowCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var v sim
	answer, err := l.get(ctx, place("sims", string(c.SIM)), &v)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printSIM(l, v) })
}

func printSIM(l *link, v sim) error {
	t := newTable(l.Out)
	t.add("ICCID", v.ICCID)
	t.add("IMSIs", strings.Join(v.IMSIs, ", "))
	t.add("MSISDNs", strings.Join(v.MSISDNs, ", "))
	t.add("Account", v.Account+" since "+instant(v.Since))
	t.add("Status", v.Status)
	t.add("Plan", v.Plan)
	t.add("Online", yes(v.Online))
	t.add("Transfer lock", yes(v.TransferLock))
	if v.Transfer != nil {
		state := v.Transfer.State
		if v.Transfer.ExpiresAt != nil {
			state += " until " + instant(v.Transfer.ExpiresAt)
		}
		t.add("Transfer", v.Transfer.Request+", "+state)
	}
	t.add("Protection", yes(v.TerminationProtection))
	for _, row := range []struct{ name, value string }{
		{"Expiration", instant(v.Expiration)},
		{"Group", text(v.Group)},
		{"Speed class", text(v.SpeedClass)},
		{"IMEI lock", text(v.IMEILock)},
		{"Tags", tags(v.Tags)},
		{"Event handlers", strings.Join(v.EventHandlers, ", ")},
		{"Containers", strings.Join(v.Containers, ", ")},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	return t.flush()
}

func tags(m map[string]string) string {
	list := make([]string, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, name+"="+m[name])
	}
	return strings.Join(list, ", ")
}

type simsLockCommand struct {
	SIMs []simName `arg:"" name:"sim" help:"ICCIDs, IMSIs or MSISDNs."`
	remote
}

// Help is the detailed help.
func (simsLockCommand) Help() string {
	return `A locked SIM cannot be transferred: it is ineligible, with the reason sim_locked.

Example:

    simtransfer sims lock 8988211000000000011 8988211000000000029`
}

// Run carries the command out.
func (c *simsLockCommand) Run(ctx context.Context, s *Session) error {
	return lockSIMs(ctx, s, c.remote, c.SIMs, true)
}

type simsUnlockCommand struct {
	SIMs []simName `arg:"" name:"sim" help:"ICCIDs, IMSIs or MSISDNs."`
	remote
}

// Help is the detailed help.
func (simsUnlockCommand) Help() string {
	return `Example:

    simtransfer sims unlock 8988211000000000011`
}

// Run carries the command out.
func (c *simsUnlockCommand) Run(ctx context.Context, s *Session) error {
	return lockSIMs(ctx, s, c.remote, c.SIMs, false)
}

func lockSIMs(ctx context.Context, s *Session, r remote, names []simName, lock bool) error {
	l, err := r.open(s)
	if err != nil {
		return err
	}
	for _, name := range names {
		var v sim
		answer, err := l.send(ctx, http.MethodPatch, place("sims", string(name)), map[string]bool{"transfer_lock": lock}, &v)
		if err != nil {
			return err
		}
		if err := l.show(answer, func() error {
			l.note("%s: transfer lock %s.", v.ICCID, map[bool]string{true: "on", false: "off"}[v.TransferLock])
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
