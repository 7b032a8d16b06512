package transfer

import "time"

// The bounds of a request and the periods that hold where nothing else is set.
const (
	ChunkSize        = 1000   // transfers that one transaction works on
	MaxRequestSIMs   = 100000 // SIMs in one request made as JSON; larger ones are batches
	MaxBatchRows     = 1000000
	MaxPartial       = 10000 // SIMs that one partial cancel or decline may name
	MaxInteractive   = 100   // a request up to this size that is no part of a batch goes ahead of bulk work
	ReviewPeriod     = 7 * 24 * time.Hour
	AcceptancePeriod = 24 * time.Hour
	MinAcceptance    = time.Second
	MaxAcceptance    = 30 * 24 * time.Hour
)
