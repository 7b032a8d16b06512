package transfer

import "time"

// Limits of a request, and default periods.
const (
	ChunkSize        = 1000                // transfers per transaction
	MaxRequestSIMs   = 100000              // SIMs per request created as JSON; batches may have more
	MaxBatchRows     = 1000000             // rows per uploaded batch
	MaxPartial       = 10000               // SIMs that one partial cancel or decline may name
	MaxInteractive   = 100                 // SIMs per request that uses the interactive queues; larger requests are bulk work
	ReviewPeriod     = 7 * 24 * time.Hour  // from the start of the review
	AcceptancePeriod = 24 * time.Hour      // from when the destination can accept; each request may set its own
	MinAcceptance    = time.Second         // shortest acceptance period
	MaxAcceptance    = 30 * 24 * time.Hour // longest acceptance period
)
