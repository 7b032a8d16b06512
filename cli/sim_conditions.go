package cli

import (
	"reflect"

	"simtransfer/client"
	"simtransfer/transfer"
)

// simConditions are the flags that select SIMs.
type simConditions struct {
	Status []transfer.Status `enum:"${statuses}" placeholder:"STATUS" help:"Only SIMs with this status: ready, active, inactive, standby, suspended or terminated. Separate several with commas, or repeat the flag."`
	Plan   []string          `placeholder:"NAME" help:"Only SIMs on this plan, or one of several separated by commas."`
	Group  []string          `sep:"none" placeholder:"NAME" help:"Only SIMs in this group. Repeat the flag for one of several groups."`
	Tag    []string          `sep:"none" placeholder:"NAME[=VALUE]" help:"Only SIMs with this tag. Repeat the flag for several tags, or for one of several values of a tag."`
	Lot    []string          `sep:"none" placeholder:"NAME" help:"Only SIMs of this order or box. Repeat the flag for one of several."`
	Prefix []string          `placeholder:"DIGITS" help:"Only SIMs with an ICCID, IMSI or MSISDN that starts with these digits (at least 6), or with one of several separated by commas."`
	Suffix []string          `placeholder:"DIGITS" help:"Only SIMs with an ICCID, IMSI or MSISDN that ends with these digits (at least 6), or with one of several separated by commas. Those of an ICCID can end with its check digit or before it."`
	Range  []string          `placeholder:"FIRST-LAST" help:"Only SIMs with an ICCID in this range. Both ends have their check digit, or both have not. Separate several ranges with commas."`
	EID    []string          `name:"eid" placeholder:"EID" help:"Only SIMs on the eUICC with this EID, or one of several separated by commas."`
	Lock   string            `name:"transfer-lock" enum:",on,off" default:"" placeholder:"ON|OFF" help:"Only SIMs that have the transfer lock (on), or that do not (off)."`
	ExtID  []string          `name:"external-id" sep:"none" placeholder:"ID" help:"Only the SIM with this id in the operator's inventory (support). Repeat the flag for several."`
}

// conditions returns what the flags select.
func (c simConditions) conditions() client.SIMConditions {
	return client.SIMConditions{
		Status: c.Status, Plan: c.Plan, Group: c.Group, Tag: c.Tag, Lot: c.Lot,
		IdentifierPrefix: c.Prefix, IdentifierSuffix: c.Suffix, ICCIDRange: c.Range, EID: c.EID, ExternalID: c.ExtID, TransferLock: c.Lock,
	}
}

// given reports whether a flag was given.
func (c simConditions) given() bool { return !reflect.ValueOf(c).IsZero() }
