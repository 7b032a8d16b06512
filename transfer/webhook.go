package transfer

import (
	"encoding/base64"
	"net/netip"
	"time"
)

// Limits of webhook endpoints.
const (
	MaxWebhookURL         = 1000
	MaxWebhookEndpoints   = 20 // of an account, and of staff
	WebhookSecretBytes    = 32
	MaxWebhookOverlapDays = 7 // how long the secret before a rotation can stay valid
	MaxWebhookResponse    = 4096
)

// KeepWebhookMessages is how long messages and their deliveries are kept.
const KeepWebhookMessages = 30 * 24 * time.Hour

// WebhookPatience is how long an endpoint may fail until it is disabled.
const WebhookPatience = 5 * 24 * time.Hour

// WebhookTimeout is how long a receiver has to answer.
const WebhookTimeout = 15 * time.Second

// MaxRetryAfter is how long a receiver can put off an attempt by Retry-After.
const MaxRetryAfter = time.Hour

// DisabledReason says why an endpoint is disabled.
type DisabledReason string

// The reasons.
const (
	DisabledByOwner DisabledReason = "by_owner" // a caller of the API disabled it
	DisabledGone    DisabledReason = "gone"     // it answered 410 Gone
	DisabledFailing DisabledReason = "failing"  // every attempt of five days failed
)

// DisabledReasons lists every reason.
func DisabledReasons() []DisabledReason {
	return []DisabledReason{DisabledByOwner, DisabledGone, DisabledFailing}
}

// Remedy returns what the owner of a disabled endpoint can do, as a sentence.
func (r DisabledReason) Remedy() string {
	switch r {
	case DisabledByOwner:
		return "It was disabled by a call. Enable it to receive messages again; what happened meanwhile is in the event feed."
	case DisabledGone:
		return "The receiver answered 410 Gone, which says that the endpoint is not wanted any more. Check its address, enable it, and replay what failed."
	case DisabledFailing:
		return "Every attempt of five days failed. Make the receiver answer with a status from 200 to 299 within 15 seconds, enable the endpoint, and replay what failed; what happened while it was disabled is in the event feed."
	}
	return ""
}

// DeliveryState is the state of the delivery of a message to an endpoint.
type DeliveryState string

// The states.
const (
	DeliveryPending   DeliveryState = "pending"   // it will be tried, or tried again
	DeliveryDelivered DeliveryState = "delivered" // the receiver answered with a status from 200 to 299
	DeliveryFailed    DeliveryState = "failed"    // the last attempt failed, or the endpoint was disabled
)

// DeliveryStates lists every state.
func DeliveryStates() []DeliveryState {
	return []DeliveryState{DeliveryPending, DeliveryDelivered, DeliveryFailed}
}

// deliverySchedule returns the waits between the attempts to deliver a message.
func deliverySchedule() []time.Duration {
	const h = time.Hour
	return []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * h, 5 * h, 10 * h, 14 * h, 20 * h, 24 * h}
}

// MaxDeliveryAttempts is how often a message is sent to a receiver that does not
// take it.
const MaxDeliveryAttempts = 10

// NextAttempt returns how long to wait after an attempt that failed, the attempts-th
// (from 1). It is false after the last one. jitter, from 0 to 1, spreads attempts:
// they are up to a fifth later. The receiver's wish is honored up to MaxRetryAfter.
func NextAttempt(attempts int, jitter float64, wish time.Duration) (time.Duration, bool) {
	waits := deliverySchedule()
	if attempts > len(waits) {
		return 0, false
	}
	wait := waits[max(attempts, 1)-1]
	wait += time.Duration(jitter * float64(wait) / 5)
	return max(wait, min(wish, MaxRetryAfter)), true
}

// webhookSecretPrefix begins the text of a secret, as Standard Webhooks has it.
const webhookSecretPrefix = "whsec_"

// WebhookSecretText returns a secret as receivers need it.
func WebhookSecretText(secret []byte) string {
	return webhookSecretPrefix + base64.StdEncoding.EncodeToString(secret)
}

// ParseWebhookURL parses the address of an endpoint: https, without user and
// fragment. Plain http is allowed only for an address in one of the networks, or for a name
// if there are any; the worker then checks the address that the name has.
func ParseWebhookURL(text string, networks []netip.Prefix) (string, error) {
	return parseReceiverURL(text, networks, "SIMTRANSFER_WEBHOOK_ALLOW_NETWORKS")
}
