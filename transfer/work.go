package transfer

// WorkKind is the kind of a piece of work: what a worker has to do.
type WorkKind string

// The kinds of work. See docs/recipes.md before adding one.
const (
	WorkValidate     WorkKind = "validate"      // judges each SIM of a chunk: method, eligibility, fee
	WorkExecute      WorkKind = "execute"       // transfers the SIMs of a chunk
	WorkDropSessions WorkKind = "drop_sessions" // disconnects the sessions that keep SIMs from being transferred
	WorkDropStray    WorkKind = "drop_stray"    // disconnects one session: it outlived its SIM's transfer, or someone ended it
	WorkRelease      WorkKind = "release"       // closes the transfers of a chunk after a cancel, decline, denial or expiry

	WorkDeliverWebhooks WorkKind = "deliver_webhooks" // sends the messages that are due to one webhook endpoint
	WorkDeliverMails    WorkKind = "deliver_mails"    // sends the mails that are due
)

// WorkKinds lists every kind of work.
func WorkKinds() []WorkKind {
	return []WorkKind{WorkValidate, WorkExecute, WorkDropSessions, WorkDropStray, WorkRelease, WorkDeliverWebhooks, WorkDeliverMails}
}

// MayFailSIM reports whether a transfer fails with internal_error if it is the
// only one in the work and the work keeps failing. Other work becomes dead.
func (k WorkKind) MayFailSIM() bool {
	switch k {
	case WorkValidate, WorkExecute, WorkDropSessions:
		return true
	case WorkDropStray, WorkRelease, WorkDeliverWebhooks, WorkDeliverMails:
	}
	return false
}

// Queue is the queue that carries a piece of work to a worker.
type Queue string

// The queues. Each is served by its own workers, so interactive work never
// waits for bulk work, and neither waits for a gateway. The sessions of
// interactive requests have a queue of their own, so they do not wait for a
// batch's sessions, nor for gateways that do not answer.
const (
	QueueInteractive        Queue = "interactive"
	QueueGatewayInteractive Queue = "gateway_interactive"
	QueueBulk               Queue = "bulk"
	QueueGateway            Queue = "gateway"

	// Webhooks. Endpoints whose last attempts timed out, and new ones, have a queue
	// of their own, so that receivers that do not answer leave the others alone.
	QueueWebhook     Queue = "notify_webhook"
	QueueWebhookSlow Queue = "notify_webhook_slow"

	QueueMail Queue = "notify_mail"
)

// Queues lists every queue, in the order in which the scheduler fills them.
func Queues() []Queue {
	return []Queue{QueueInteractive, QueueGatewayInteractive, QueueBulk, QueueGateway, QueueWebhook, QueueWebhookSlow, QueueMail}
}

// QueueOf returns the queue for the chunks of a request of size SIMs.
// A request that is part of a batch is always bulk work.
func QueueOf(inBatch bool, size int) Queue {
	if inBatch || size > MaxInteractive {
		return QueueBulk
	}
	return QueueInteractive
}
