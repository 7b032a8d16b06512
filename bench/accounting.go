package main

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"simtransfer/dev/servers"
	"simtransfer/storage"
)

const (
	accountingSockets  = 256 // each sends a packet after the answer to the last one, as 32 gateways with 8 unanswered packets each do
	accountingGateways = 16
	accountingTime     = 8 * time.Second
	accountingSecret   = "only-on-loopback"
	accountingRetry    = 2 * time.Second
)

// measureAccounting measures how many accounting packets per second are stored, one
// third each of Start, Interim-Update and Stop: by FreeRADIUS in its stock schema, by
// FreeRADIUS in ours, and by simtransfer radius. Afterwards every session must be in
// the table, with its end.
func measureAccounting(ctx context.Context, h *harness) error {
	for _, run := range []struct {
		figure string
		serve  func(context.Context, *harness, *storage.DB) (*accountingServer, error)
		table  string
	}{
		{"accounting_stock", serveStockAccounting, "public.radacct"},
		{"accounting_freeradius", serveFreeRADIUS, "radius.radacct"},
		{"accounting_own", serveAccounting, "radius.radacct"},
	} {
		if err := h.onNewInventory(ctx, func(ctx context.Context, db *storage.DB) error {
			return h.sendAccounting(ctx, db, run.figure, run.table, run.serve)
		}); err != nil {
			return fmt.Errorf("%s: %w", run.figure, err)
		}
	}
	return nil
}

func (h *harness) sendAccounting(ctx context.Context, db *storage.DB, figure, table string, serve func(context.Context, *harness, *storage.DB) (*accountingServer, error)) (err error) {
	if _, err := db.Pool().ExecContext(ctx, `INSERT INTO radius.nas (nasname, secret) VALUES ('127.0.0.1', $1)`, accountingSecret); err != nil {
		return err
	}
	// Only the first session of a SIM makes it active.
	if _, err := db.Pool().ExecContext(ctx, `UPDATE sims SET status = 'active' WHERE status = 'ready'`); err != nil {
		return err
	}
	server, err := serve(ctx, h, db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
		return err
	}
	before, start := h.usage(nil), time.Now()
	before["server"] = ownSeconds(server.pid)
	load := processes()
	sent := make([]accountingCount, accountingSockets)
	g, sending := errgroup.WithContext(ctx)
	for i := range accountingSockets {
		g.Go(func() error { return sent[i].send(sending, server.address, i, h.SIMs, start.Add(accountingTime)) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(start)
	var packets, sessions, again int
	for _, c := range sent {
		packets, sessions, again = packets+c.packets, sessions+c.sessions, again+c.again
	}
	after := h.usage(nil)
	after["server"] = ownSeconds(server.pid)
	h.rate(figure, float64(packets)/took.Seconds(), float64(packets), after.since(before))
	h.logf("  %d packets, %d sent again; processes that were running at the start: %s", packets, again, load)
	if h.Explain {
		h.explain(ctx, db)
	}
	var stored struct {
		Sessions int `db:"sessions"`
		Ended    int `db:"ended"`
		Updated  int `db:"updated"`
		Linked   int `db:"linked"`
	}
	linked := "count(*)"
	if table == "radius.radacct" {
		linked = "count(sim)"
	}
	if err := db.Pool().GetContext(ctx, &stored, `SELECT count(*) AS sessions, count(acctstoptime) AS ended,
		count(*) FILTER (WHERE acctinputoctets = 2000 AND acctsessiontime = 20) AS updated, `+linked+` AS linked FROM `+table); err != nil {
		return err
	}
	if stored.Sessions != sessions || stored.Ended != sessions || stored.Updated != sessions || stored.Linked != sessions {
		return fmt.Errorf("%d sessions were answered, but the table has %+v", sessions, stored)
	}
	return nil
}

// processes returns the load of the machine: how many processes run, on average of
// the last minute.
func processes() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	var average string
	_, _ = fmt.Sscan(string(text), &average)
	return average
}

// accountingCount counts what one socket has sent.
type accountingCount struct{ packets, sessions, again int }

// send sends whole sessions, one packet after the other, until a time. It writes
// packets itself to leave more processor time to the server.
func (c *accountingCount) send(ctx context.Context, address string, socket, sims int, end time.Time) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var packet, answer [512]byte
	for time.Now().Before(end) {
		serial := c.sessions*accountingSockets + socket
		for step := range 3 {
			wire := accountingPacket(packet[:0], byte(c.packets), step, serial, sims)
			if err := c.exchange(ctx, conn, wire, answer[:]); err != nil {
				return err
			}
			c.packets++
		}
		c.sessions++
	}
	return nil
}

func (c *accountingCount) exchange(ctx context.Context, conn net.Conn, wire, answer []byte) error {
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if try == 10 {
			return errors.New("no answer")
		}
		if try > 0 {
			c.again++
		}
		if _, err := conn.Write(wire); err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(accountingRetry))
		for {
			n, err := conn.Read(answer)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return err
			}
			if n >= 20 && answer[0] == 5 && answer[1] == wire[1] {
				return nil
			}
		}
	}
}

// accountingPacket appends the Start, Interim-Update or Stop of a session.
func accountingPacket(b []byte, identifier byte, step, serial, sims int) []byte {
	b = append(b, 4, identifier, 0, 0)
	b = append(b, make([]byte, 16)...)
	text := func(t byte, value string) {
		b = append(append(b, t, byte(len(value)+2)), value...)
	}
	number := func(t byte, value uint32) {
		b = binary.BigEndian.AppendUint32(append(b, t, 6), value)
	}
	number(40, [...]uint32{1, 3, 2}[step])
	text(44, fmt.Sprintf("bench-%08x", serial))
	text(1, fmt.Sprintf("00101%010d", (serial*7919)%sims))
	text(31, fmt.Sprintf("88312%09d", (serial*7919)%sims))
	text(30, "internet.example")
	b = append(b, 4, 6, 10, 77, 0, byte(serial%accountingGateways+1))
	number(5, 7)
	number(61, 5)
	number(6, 2)
	number(7, 7)
	b = append(b, 8, 6, 10, 128, byte(serial>>8), byte(serial))
	number(55, uint32(time.Now().Unix()))
	if step > 0 {
		number(46, uint32(step*10))
		number(42, uint32(step*1000))
		number(43, uint32(step*3000))
	}
	if step == 2 {
		number(49, 1)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	sum := md5.Sum(append(append([]byte{}, b...), accountingSecret...))
	copy(b[4:20], sum[:])
	return b
}

// accountingServer is a server to send accounting to.
type accountingServer struct {
	address string
	pid     int
	stop    func() error
}

// serveAccounting starts simtransfer radius.
func serveAccounting(ctx context.Context, h *harness, _ *storage.DB) (*accountingServer, error) {
	address, err := servers.FreeUDPAddress(ctx)
	if err != nil {
		return nil, err
	}
	status, err := servers.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	p, err := h.stack.StartProcess("radius", "SIMTRANSFER_DATABASE_URL="+h.stack.DatabaseURL(database),
		"SIMTRANSFER_RADIUS_LISTEN="+address, "SIMTRANSFER_RADIUS_STATUS="+status)
	if err != nil {
		return nil, err
	}
	return &accountingServer{address, p.Pid, p.Shutdown}, awaitAccounting(ctx, address)
}

// awaitAccounting waits until a server answers a Status-Server.
func awaitAccounting(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "udp", address)
		if err != nil {
			return err
		}
		b := accountingPacket(nil, 1, 0, 0, 1)
		binary.BigEndian.PutUint32(b[22:], 9) // Acct-Status-Type Tunnel-Start: stored by no one
		copy(b[4:20], make([]byte, 16))
		sum := md5.Sum(append(append([]byte{}, b...), accountingSecret...))
		copy(b[4:20], sum[:])
		_, _ = conn.Write(b)
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = conn.Read(make([]byte, 512))
		_ = conn.Close()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.New("the accounting server does not answer")
		}
	}
}
