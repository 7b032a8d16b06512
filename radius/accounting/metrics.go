package accounting

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// counters count what a server has received and done since it started. Names and
// labels are those of the metrics.
type counters struct {
	packets counter // by result
	reports counter // by kind and outcome
	clocks  counter // by direction

	unknownSIMs   atomic.Int64
	batches       atomic.Int64
	batchReports  atomic.Int64
	commitMicros  atomic.Int64
	clientsLoaded atomic.Int64 // Unix time
}

// Results of packets.
const (
	answered           = "answered"
	duplicate          = "duplicate"           // the same packet again: answered again, or still being stored
	unknownClient      = "unknown_client"      // no network of radius.nas has the sender's address
	wrongAuthenticator = "wrong_authenticator" // another secret, or the packet was changed on the way
	truncated          = "truncated"           // shorter than its length field says
	malformed          = "malformed"           // its attributes cannot be read
	wrongCode          = "wrong_code"          // neither Accounting-Request nor Status-Server
	overloaded         = "overloaded"          // too many packets wait
	notStored          = "not_stored"          // the database did not store it
	flooded            = "flooded"             // its SIM has too many open sessions
)

func results() []string {
	return []string{answered, duplicate, unknownClient, wrongAuthenticator, truncated, malformed, wrongCode, overloaded, notStored, flooded}
}

// counter counts by label.
type counter struct {
	mu sync.Mutex
	n  map[string]int64
}

func (c *counter) add(label string, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int64{}
	}
	c.n[label] += n
}

func (c *counter) get(label string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[label]
}

func (c *counter) labels() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for label := range c.n {
		list = append(list, label)
	}
	slices.Sort(list)
	return list
}

// WriteMetrics writes the counters in the text format of Prometheus.
func (s *Server) WriteMetrics(w io.Writer) error {
	var b strings.Builder
	family := func(name, kind, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	family("simtransfer_radius_packets_total", "counter", "Packets received, by outcome.")
	for _, label := range results() {
		fmt.Fprintf(&b, "simtransfer_radius_packets_total{result=%q} %d\n", label, s.counters.packets.get(label))
	}
	family("simtransfer_radius_reports_total", "counter", "Accounting records that were answered or refused, by kind and by what they changed.")
	for _, label := range s.counters.reports.labels() {
		kind, outcome, _ := strings.Cut(label, " ")
		fmt.Fprintf(&b, "simtransfer_radius_reports_total{kind=%q,outcome=%q} %d\n", kind, outcome, s.counters.reports.get(label))
	}
	family("simtransfer_radius_wrong_clock_total", "counter", "Reports with an Event-Timestamp that was not believed.")
	for _, label := range []string{"future", "past"} {
		fmt.Fprintf(&b, "simtransfer_radius_wrong_clock_total{direction=%q} %d\n", label, s.counters.clocks.get(label))
	}
	family("simtransfer_radius_unknown_sims_total", "counter", "Sessions that were stored without their SIM, because none has the numbers that the gateway reported.")
	fmt.Fprintf(&b, "simtransfer_radius_unknown_sims_total %d\n", s.counters.unknownSIMs.Load())
	family("simtransfer_radius_batches_total", "counter", "Batches that were written to the database.")
	fmt.Fprintf(&b, "simtransfer_radius_batches_total %d\n", s.counters.batches.Load())
	family("simtransfer_radius_batch_reports_total", "counter", "Accounting records in these batches.")
	fmt.Fprintf(&b, "simtransfer_radius_batch_reports_total %d\n", s.counters.batchReports.Load())
	family("simtransfer_radius_batch_seconds_total", "counter", "Time that writing these batches took.")
	fmt.Fprintf(&b, "simtransfer_radius_batch_seconds_total %.6f\n", time.Duration(s.counters.commitMicros.Load()*1000).Seconds())
	family("simtransfer_radius_waiting", "gauge", "Packets that wait to be written.")
	waiting := 0
	for _, w := range s.writers {
		waiting += len(w.queue)
	}
	fmt.Fprintf(&b, "simtransfer_radius_waiting %d\n", waiting)
	family("simtransfer_radius_clients", "gauge", "Networks from which accounting is accepted.")
	fmt.Fprintf(&b, "simtransfer_radius_clients %d\n", s.clients.Load().count())
	family("simtransfer_radius_clients_loaded_timestamp_seconds", "gauge", "When they were last read from the database.")
	fmt.Fprintf(&b, "simtransfer_radius_clients_loaded_timestamp_seconds %d\n", s.counters.clientsLoaded.Load())
	_, err := io.WriteString(w, b.String())
	return err
}
