package client

import "simtransfer/transfer"

// Preview is what a transfer request would result in now.
type Preview struct {
	Source      transfer.OperatorID `json:"source"`
	Destination transfer.OperatorID `json:"destination"`

	SourceExternalID      *string `json:"source_external_id,omitempty"`
	DestinationExternalID *string `json:"destination_external_id,omitempty"`

	Selected   int              `json:"selected"` // SIMs, eligible or not
	Eligible   int              `json:"eligible"`
	Ineligible int              `json:"ineligible"`
	Totals     []PreviewTotal   `json:"totals"`        // of the eligible SIMs
	Reasons    []ReasonCount    `json:"reasons"`       // of the ineligible SIMs
	Plans      []PreviewedMove  `json:"plans"`         // of the eligible SIMs, the most frequent first
	Sessions   int              `json:"sessions"`      // open data sessions of eligible SIMs
	Requests   int              `json:"request_count"` // how many requests the SIMs need
	Settings   []MethodSettings `json:"settings"`
	FeeEntry   *QuotedFee       `json:"fee_entry,omitempty"` // that the fees are from; nil for none
	Items      []PreviewedSIM   `json:"items"`               // those that PreviewedItems selects, in the order in which the SIMs were named
}

// PreviewTotal is the number of SIMs and the sum of fees of one method.
type PreviewTotal struct {
	Method   transfer.Method `json:"method"`
	SIMs     int             `json:"sims"`
	Fees     transfer.Money  `json:"fees"`
	Unquoted int             `json:"unquoted,omitempty"` // SIMs for which the fee schedule has no amount
}

// PreviewedMove is the number of eligible SIMs that change from one plan to another,
// or keep theirs.
type PreviewedMove struct {
	Plan    PreviewedPlan `json:"plan"`
	LandsOn PreviewedPlan `json:"lands_on"`
	SIMs    int           `json:"sims"`
}

// MethodSettings lists the settings of a SIM that a method keeps and resets.
type MethodSettings struct {
	Method transfer.Method `json:"method"`
	Kept   []string        `json:"kept"`
	Lost   []string        `json:"lost"`
}

// PreviewedSIM is the preview of one SIM.
type PreviewedSIM struct {
	Line       int             `json:"line"` // from 1
	Identifier string          `json:"identifier"`
	ICCID      string          `json:"iccid,omitempty"`
	Status     transfer.Status `json:"status,omitempty"`
	Plan       *PreviewedPlan  `json:"plan,omitempty"`     // nil if the SIM is not the source's
	LandsOn    *PreviewedPlan  `json:"lands_on,omitempty"` // the plan after the transfer; nil if the SIM is not eligible
	Eligible   bool            `json:"eligible"`
	Method     transfer.Method `json:"method,omitempty"`
	Reason     transfer.Reason `json:"reason,omitempty"`
	Remedy     string          `json:"remedy,omitempty"`
	Fee        *transfer.Money `json:"fee,omitempty"`

	DropsSession bool `json:"drops_session"` // it is eligible and has an open data session
}

// PreviewedPlan is a plan of a SIM before or after a transfer.
type PreviewedPlan struct {
	Name         string          `json:"name"`
	MonthlyPrice *transfer.Money `json:"monthly_price,omitempty"` // in the currency of the account that has the SIM; nil for none
}
