package transfer

// WorkKind is the kind of a piece of work: what a worker has to do.
type WorkKind string

// The kinds of work. See docs/recipes.md before adding one.
const (
	WorkValidate     WorkKind = "validate"      // judges each SIM of a chunk: method, eligibility, fee
	WorkExecute      WorkKind = "execute"       // transfers the SIMs of a chunk
	WorkDropSessions WorkKind = "drop_sessions" // disconnects the sessions that keep SIMs from being transferred
	WorkDropStray    WorkKind = "drop_stray"    // disconnects one session that outlived its SIM's transfer
	WorkRelease      WorkKind = "release"       // closes the transfers of a chunk after a cancel, decline, denial or expiry
)

// WorkKinds lists every kind of work.
func WorkKinds() []WorkKind {
	return []WorkKind{WorkValidate, WorkExecute, WorkDropSessions, WorkDropStray, WorkRelease}
}

// MayFailSIM reports whether a transfer fails with internal_error if it is the
// only one in the work and the work keeps failing. Other work becomes dead.
func (k WorkKind) MayFailSIM() bool {
	switch k {
	case WorkValidate, WorkExecute, WorkDropSessions:
		return true
	case WorkDropStray, WorkRelease:
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
)

// Queues lists every queue, in the order in which the scheduler fills them.
func Queues() []Queue {
	return []Queue{QueueInteractive, QueueGatewayInteractive, QueueBulk, QueueGateway}
}

// QueueOf returns the queue for the chunks of a request of size SIMs.
// A request that is part of a batch is always bulk work.
func QueueOf(inBatch bool, size int) Queue {
	if inBatch || size > MaxInteractive {
		return QueueBulk
	}
	return QueueInteractive
}
