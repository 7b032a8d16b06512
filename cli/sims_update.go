package cli

import (
	"context"
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

type simsUpdateCommand struct {
	SIMs         []identifier      `arg:"" name:"sim" help:"ICCIDs, IMSIs or MSISDNs."`
	Status       string            `enum:"${statuses}," default:"" placeholder:"STATUS" help:"Set the status (support)."`
	Plan         *string           `placeholder:"NAME" help:"Set the plan (support)."`
	EID          *string           `name:"eid" placeholder:"EID" help:"Set the EID of the eUICC (support)."`
	Lot          *string           `placeholder:"NAME" help:"Set the order or box that the SIM came in (support)."`
	ExternalID   *string           `placeholder:"ID" help:"Set the id in the operator's inventory (support)."`
	Group        *string           `placeholder:"NAME" help:"Set the group (owner)."`
	Tag          map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"Add this tag (owner). Repeat the flag for several tags."`
	Untag        []string          `placeholder:"NAME" help:"Remove the tag with this name (owner)."`
	SpeedClass   *string           `placeholder:"NAME" help:"Set the speed class (owner)."`
	IMEILock     *string           `name:"imei-lock" placeholder:"IMEI" help:"Lock the SIM to a device (owner)."`
	Expiration   time.Time         `xor:"expiration" placeholder:"TIME" help:"Set when the SIM expires, such as 2030-01-31 (owner)."`
	NoExpiration bool              `xor:"expiration" help:"The SIM no longer expires (owner)."`
	EventHandler *[]string         `sep:"none" placeholder:"HANDLER" help:"Set the event handlers (owner). Repeat the flag for several; they replace all others."`
	condition
	remote
}

// Help returns the detailed help.
func (simsUpdateCommand) Help() string {
	return `Values that are not named stay as they are. An empty value removes what can be empty, such as --group=. To change many SIMs by a filter, use sims change.

Examples:

    simtransfer sims update 8988211000000000011 --status=suspended
    simtransfer sims update 8988211000000000011 --plan=global-02 --lot=box-7
    simtransfer sims update 8988211000000000011 --tag=site=north --untag=trial --group=
    simtransfer sims update 8988211000000000011 --expiration=2030-01-31`
}

// Validate implements kong's validation.
func (c *simsUpdateCommand) Validate() error { return c.oneOf(len(c.SIMs)) }

// empty reports whether no flag says what to change.
func (c *simsUpdateCommand) empty() bool {
	return c.Status == "" && c.Plan == nil && c.EID == nil && c.Lot == nil && c.ExternalID == nil && c.Group == nil && len(c.Tag)+len(c.Untag) == 0 &&
		c.SpeedClass == nil && c.IMEILock == nil && c.Expiration.IsZero() && !c.NoExpiration && c.EventHandler == nil
}

// Run runs the command.
func (c *simsUpdateCommand) Run(ctx context.Context, s *Session) error {
	if c.empty() {
		return usageError("nothing to change: set --status, --plan, --group, --tag or another value of the SIMs")
	}
	change := client.SIMChange{
		Plan: c.Plan, EID: c.EID, Lot: c.Lot, ExternalID: c.ExternalID, Group: c.Group,
		SpeedClass: c.SpeedClass, IMEILock: c.IMEILock, EventHandlers: c.EventHandler,
		Tags: tagChanges(c.Tag, c.Untag),
	}
	if c.Status != "" {
		change.Status = new(transfer.Status(c.Status))
	}
	if c.NoExpiration || !c.Expiration.IsZero() {
		change.Expiration = &client.OptionalTime{Time: c.Expiration}
	}
	return updateSIMs(ctx, s, c.remote, c.condition, c.SIMs, change, func(l *connection, v client.SIM) {
		l.note("%s is updated.", v.ICCID)
	})
}

// tagChanges returns the tags to set and, with nil, those to remove; nil if there
// are none.
func tagChanges(set map[string]string, remove []string) map[string]*string {
	if len(set)+len(remove) == 0 {
		return nil
	}
	tags := map[string]*string{}
	for name, value := range set {
		tags[name] = &value
	}
	for _, name := range remove {
		tags[strings.TrimSpace(name)] = nil
	}
	return tags
}
