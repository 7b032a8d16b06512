package scheduler

import (
	"cmp"
	"time"
)

// Config configures a scheduler: the intervals between the runs of its loops.
// Zero fields take the values of DefaultConfig. The fields with tags are the
// flags of simtransfer scheduler.
type Config struct {
	Dispatch  time.Duration `min:"1ms" max:"1h" env:"SIMTRANSFER_DISPATCH_INTERVAL" help:"Interval between searches for new work."`
	Reconcile time.Duration `min:"1ms" max:"1h" env:"SIMTRANSFER_RECONCILE_INTERVAL" help:"Interval between searches for lost work."`
	Expire    time.Duration `min:"1ms" max:"1h" env:"SIMTRANSFER_EXPIRE_INTERVAL" help:"Interval between searches for expired requests."`

	KeepAddresses     time.Duration `min:"24h" max:"87600h" env:"SIMTRANSFER_KEEP_ADDRESSES" help:"How long the IP addresses of callers are kept in events and in the audit trail."`
	KeepAudit         time.Duration `min:"2160h" max:"262800h" env:"SIMTRANSFER_KEEP_AUDIT" help:"How long entries of the audit trail are kept."`
	KeepUnknown       time.Duration `min:"1h" max:"87600h" env:"SIMTRANSFER_KEEP_UNKNOWN" help:"How long the results of SIMs that were not found, or that were canceled before they were looked up, are kept after their request has finished. The request keeps their number."`
	KeepOffers        time.Duration `min:"24h" max:"87600h" env:"SIMTRANSFER_KEEP_OFFERS" help:"How long pull requests and transfer codes are kept after their time limit. The requests that came of them stay."`
	SessionMaxSilence time.Duration `min:"0s" max:"3650d" default:"0s" env:"SIMTRANSFER_SESSION_MAX_SILENCE" help:"Close a data session when its gateway has not reported it for this long, such as 7d: its end was lost. Use several times the interval of the gateways' interim updates. 0s disables this."`

	Start  time.Duration `kong:"-"` // scheduled requests whose window has begun
	Remind time.Duration `kong:"-"` // requests of which a reminder is due
	Number time.Duration `kong:"-"` // changes of SIMs without a place in the feed
	Notify time.Duration `kong:"-"` // events that are to become messages
	Link   time.Duration `kong:"-"` // sessions of SIMs that were imported later
	Stale  time.Duration `kong:"-"` // data sessions without news
	Purge  time.Duration `kong:"-"` // rows that are no longer needed
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Dispatch:  25 * time.Millisecond,
		Reconcile: 3 * time.Second,
		Expire:    time.Second,
		Start:     time.Second,
		Remind:    5 * time.Second,
		Number:    time.Second,
		Notify:    200 * time.Millisecond,
		Link:      5 * time.Second,
		Stale:     time.Minute,
		Purge:     time.Minute,

		KeepAddresses: 180 * 24 * time.Hour,
		KeepAudit:     3 * 365 * 24 * time.Hour,
		KeepUnknown:   30 * 24 * time.Hour,
		KeepOffers:    90 * 24 * time.Hour,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	return Config{
		Dispatch:  cmp.Or(c.Dispatch, d.Dispatch),
		Reconcile: cmp.Or(c.Reconcile, d.Reconcile),
		Expire:    cmp.Or(c.Expire, d.Expire),
		Start:     cmp.Or(c.Start, d.Start),
		Remind:    cmp.Or(c.Remind, d.Remind),
		Number:    cmp.Or(c.Number, d.Number),
		Notify:    cmp.Or(c.Notify, d.Notify),
		Link:      cmp.Or(c.Link, d.Link),
		Stale:     cmp.Or(c.Stale, d.Stale),
		Purge:     cmp.Or(c.Purge, d.Purge),

		KeepAddresses:     cmp.Or(c.KeepAddresses, d.KeepAddresses),
		KeepAudit:         cmp.Or(c.KeepAudit, d.KeepAudit),
		KeepUnknown:       cmp.Or(c.KeepUnknown, d.KeepUnknown),
		KeepOffers:        cmp.Or(c.KeepOffers, d.KeepOffers),
		SessionMaxSilence: c.SessionMaxSilence,
	}
}
