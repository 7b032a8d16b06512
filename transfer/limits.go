package transfer

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Limits of a request.
const (
	ChunkSize       = 1000                // transfers per transaction
	MaxRequestSIMs  = 100000              // SIMs per request created as JSON; batches may have more
	MaxBatchRows    = 1000000             // rows per uploaded batch
	MaxUploadBytes  = 128 << 20           // bytes per upload, of a batch or an inventory, uncompressed
	MaxPartial      = 10000               // SIMs that one partial cancel or decline may name
	MaxBulkSIMs     = 1000000             // SIMs that one bulk change may select by a filter
	MaxFilterValues = 100                 // values of one condition of a filter
	MaxDecisions    = 1000                // requests that one call may approve or deny
	MaxInteractive  = 100                 // SIMs per request that uses the interactive queues; larger requests are bulk work
	MinAcceptance   = time.Second         // shortest acceptance period
	MaxAcceptance   = 30 * 24 * time.Hour // longest acceptance period, with all extensions
	MaxAhead        = 30 * 24 * time.Hour // how far the window of an acceptance may begin in the future
	MinWindow       = time.Minute         // shortest window of an acceptance
	MaxWindowEnd    = 90 * 24 * time.Hour // how far the window of an acceptance may end in the future
	MinReminded     = 10 * time.Minute    // shortest time to decide of which reminders are sent
	TakeBackPeriod  = 10 * time.Minute    // how long the end of a request can be taken back
)

// MaxKeys is how many API keys of an account may be in use, together with those
// created in the last 24 hours and revoked since.
const MaxKeys = 1000

// MaxPeople is how many people an account may have, together with the invitations that
// are open or were made in the last 24 hours.
const MaxPeople = 1000

// Limits of texts, in characters unless they say otherwise. The schemas of the
// API and the CHECK constraints of the database repeat them, and tests compare
// them.
const (
	MaxEmail      = 254 // bytes
	MaxCoverage   = 64
	MaxKeyName    = 100
	MaxPlanName   = 64
	MaxTicket     = 100
	MaxReasonText = 500 // the reason of a decision, and of a fee that support sets
	MaxReference  = 64  // of a request, a batch, and a SIM in one of them
	MaxMessage    = 1000
	MaxComment    = 1000
	MaxGroup      = 128
	MaxSpeedClass = 128
	MaxLot        = 128
	MaxExternalID = 128 // of a SIM, and of an account

	MaxAccountName = 200
)

// CheckLength returns an error if a text has more than max characters.
func CheckLength(text string, max int) error {
	if n := utf8.RuneCountInString(text); n > max {
		return fmt.Errorf("the text has %d characters: use at most %d", n, max)
	}
	return nil
}

// MaxComments is how many comments each party of a request can write on it.
const MaxComments = 100

// MaxAccountRef is the maximum length of a reference to an account, in
// characters: an external id and its prefix.
const MaxAccountRef = MaxExternalID + len(externalPrefix)

// Limits of the lists of an account.
const (
	MaxAccountRows  = 10000 // rows of an import of accounts
	MaxContacts     = 20    // email addresses for one purpose
	MaxAccountPlans = 500   // plans that an account may hold
	MaxMappedPlans  = 500   // plans of SIMs that a plan mapping names
	MaxPlanMappings = 1000  // plan mappings of an account
)

// Limits of texts of a gateway, in characters.
const (
	MaxGatewayServer      = 260 // a host name and a port
	MaxGatewaySecret      = 128
	MaxGatewayDescription = 200
)

// MaxProbes is how many gateways an API key may probe per minute.
const MaxProbes = 10

// Limits of the lists and the tags of a SIM, and of the tags of a landing
// profile.
const (
	MaxTags       = 64
	MaxTagName    = 128   // characters
	MaxTagValue   = 256   // characters
	MaxTagBytes   = 32768 // of all names and values together, in UTF-8
	MaxListItems  = 64    // event handlers, or subscription containers
	MaxItemLength = 256   // characters of one of them
)

// MaxFee is the highest fee for one SIM, in the minor unit of its currency.
const MaxFee = 1_000_000_000_000

// MinYear and MaxYear are the first and the last year, in UTC, of times that come
// from outside.
const (
	MinYear = 1
	MaxYear = 9999
)
