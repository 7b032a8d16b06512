package accounting

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"simtransfer/storage"
)

// writer stores the packets of some gateways, one batch after the other. A batch is
// what has arrived while the one before was written, and shortly after: a call of the
// database costs as much as storing ten packets.
type writer struct {
	server *Server
	queue  chan item
	held   *item // the first of the next batch

	// stored are batches whose answers have to be sent, which takes as long as storing
	// some of them: the next batch is stored meanwhile.
	stored chan []item
}

// writerOf returns the writer of a gateway.
func (s *Server) writerOf(gateway netip.Addr) *writer {
	if len(s.writers) == 1 {
		return s.writers[0]
	}
	return s.writers[maphash.Comparable(s.seed, gateway)%uint64(len(s.writers))]
}

// run writes until the queue is closed and empty.
func (w *writer) run(ctx context.Context) {
	w.stored = make(chan []item, 8)
	var answering sync.WaitGroup
	answering.Go(func() {
		for batch := range w.stored {
			w.answer(batch)
		}
	})
	defer answering.Wait()
	defer close(w.stored)
	for {
		batch := w.next()
		if len(batch) == 0 {
			return
		}
		if batch[0].restart != nil {
			w.writeRestart(ctx, batch[0])
		} else {
			w.write(ctx, batch)
		}
	}
}

// next waits for a packet, and returns it with those that have arrived after it: up
// to one for each session, because the order of those of one session matters. The
// restart of a gateway is a batch of its own.
func (w *writer) next() []item {
	var batch []item
	if w.held != nil {
		batch = append(batch, *w.held)
		w.held = nil
	} else {
		i, ok := <-w.queue
		if !ok {
			return nil
		}
		batch = append(batch, i)
	}
	if batch[0].restart != nil {
		return batch
	}
	sessions := map[string]bool{batch[0].report.Key: true}
	time.Sleep(w.server.config.Linger)
	for len(batch) < w.server.config.MaxBatch {
		var i item
		var ok bool
		select {
		case i, ok = <-w.queue:
		default:
		}
		if !ok {
			return batch
		}
		if i.restart != nil || sessions[i.report.Key] {
			w.held = &i
			return batch
		}
		sessions[i.report.Key] = true
		batch = append(batch, i)
	}
	return batch
}

// write stores a batch, and answers it after the commit. If the data of a report
// makes the batch fail, the reports are stored one by one.
func (w *writer) write(ctx context.Context, batch []item) {
	s := w.server
	list := make([]storage.SessionReport, len(batch))
	for i := range batch {
		list[i] = batch[i].report
	}
	began := time.Now()
	results, err := s.config.Store.RecordSessions(ctx, list)
	s.counters.batches.Add(1)
	s.counters.batchReports.Add(int64(len(batch)))
	s.counters.commitMicros.Add(time.Since(began).Microseconds())
	if err != nil {
		if len(batch) > 1 && storage.KindOf(err) == storage.DataError {
			for i := range batch {
				w.write(ctx, batch[i:i+1])
			}
			return
		}
		w.fail(ctx, batch, err)
		return
	}
	var done []item
	var refused []packetID
	for i, r := range results {
		s.counters.reports.add(string(batch[i].report.Kind)+" "+string(r.Outcome), 1)
		s.noteClock(ctx, r.Clock, list[i].NAS, list[i].Event)
		if r.UnknownSIM {
			s.counters.unknownSIMs.Add(1)
		}
		if r.Outcome == storage.Flooded {
			refused = append(refused, batch[i].id)
			s.counters.packets.add(flooded, 1)
			s.warnings.add(ctx, "a SIM has too many open sessions: the start of another one was not stored",
				slog.String("gateway", list[i].NAS.String()), slog.Int("maximum", storage.MaxSessionsPerSIM))
			continue
		}
		done = append(done, batch[i])
	}
	s.repeats.end(false, refused...)
	w.stored <- done
}

// answer answers packets that are stored.
func (w *writer) answer(list []item) {
	s := w.server
	ids := make([]packetID, len(list))
	for i := range list {
		ids[i] = list[i].id
	}
	s.repeats.end(true, ids...)
	for i := range list {
		_, _ = list[i].conn.WriteToUDPAddrPort(list[i].answer, list[i].id.from)
	}
	s.counters.packets.add(answered, int64(len(list)))
}

func (w *writer) writeRestart(ctx context.Context, i item) {
	s := w.server
	r, err := s.config.Store.RecordRestart(ctx, *i.restart)
	if err != nil {
		w.fail(ctx, []item{i}, err)
		return
	}
	s.counters.reports.add("restart "+string(r.Outcome), 1)
	s.noteClock(ctx, r.Clock, i.restart.NAS, i.restart.Event)
	s.repeats.end(true, i.id)
	s.reply(i.conn, i.id.from, i.answer)
}

// noteClock counts and logs an Event-Timestamp that was not believed; direction is empty
// if it was.
func (s *Server) noteClock(ctx context.Context, direction string, gateway netip.Addr, event *time.Time) {
	if direction == "" {
		return
	}
	s.counters.clocks.add(direction, 1)
	s.warnings.add(ctx, "an Event-Timestamp from the "+direction+" was not believed: check the gateway's clock",
		slog.String("gateway", gateway.String()), slog.Time("event_timestamp", *event))
}

// fail forgets packets that were not stored. Their gateways get no answer, and send
// them again.
func (w *writer) fail(ctx context.Context, batch []item, err error) {
	s := w.server
	for _, i := range batch {
		s.repeats.end(false, i.id)
	}
	s.counters.packets.add(notStored, int64(len(batch)))
	s.warnings.add(ctx, "packets were not stored; the gateways will send them again", slog.Int("packets", len(batch)), slog.String("error", err.Error()))
}
