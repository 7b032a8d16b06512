package accounting_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"

	"simtransfer/radius/accounting"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

const secret = "shared secret"

// service is a server on a database of its own.
type service struct {
	*accounting.Server
	db      *storagetest.DB
	log     *storagetest.Log
	address string
	stop    func()

	t      testing.TB
	serial atomic.Int64
}

// start runs a server until the test ends. The test is a gateway that it knows. store,
// if it is not nil, returns what the server stores with instead of the database.
func start(t testing.TB, store func(*storagetest.DB) accounting.Store, c accounting.Config) *service {
	t.Helper()
	s := &service{db: storagetest.Open(t), log: &storagetest.Log{}, t: t}
	s.client("127.0.0.1", secret)
	c.Store = s.db.Connect(storage.Options{GenericPlans: true})
	if store != nil {
		c.Store = store(s.db)
	}
	c.Log = slog.New(slog.NewTextHandler(s.log, nil))
	s.run(c)
	return s
}

func (s *service) run(c accounting.Config) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	server, err := accounting.New(ctx, c)
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := accounting.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, conn) }()
	s.Server, s.address = server, conn.LocalAddr().String()
	var once atomic.Bool
	s.stop = func() {
		if once.Swap(true) {
			return
		}
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	}
	s.t.Cleanup(s.stop)
}

// client adds a gateway.
func (s *service) client(network, secret string) {
	s.db.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ($1, $2) ON CONFLICT (nasname) DO UPDATE SET secret = EXCLUDED.secret`, network, secret)
}

// metric returns the value of a metric, 0 if it is not there.
func (s *service) metric(name string) int {
	s.t.Helper()
	var b strings.Builder
	if err := s.WriteMetrics(&b); err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		var n int
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(rest, &n); err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

func (s *service) packets(result string) int {
	return s.metric(fmt.Sprintf("simtransfer_radius_packets_total{result=%q}", result))
}

func (s *service) reports(kind, outcome string) int {
	return s.metric(fmt.Sprintf("simtransfer_radius_reports_total{kind=%q,outcome=%q}", kind, outcome))
}

// socket is a port of a gateway.
type socket struct {
	*net.UDPConn
	t testing.TB
}

func (s *service) socket() *socket {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "udp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &socket{conn.(*net.UDPConn), s.t}
}

func (c *socket) send(wire []byte) {
	c.t.Helper()
	if _, err := c.Write(wire); err != nil {
		c.t.Fatal(err)
	}
}

// answered returns the next answer, or nil if there is none in the given time.
func (c *socket) answered(within time.Duration) []byte {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(within))
	buffer := make([]byte, 4096)
	n, err := c.Read(buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return buffer[:n]
}

// record is an accounting record of a gateway. Empty fields are not sent.
type record struct {
	kind       rfc2866.AcctStatusType
	id         string
	user       string
	number     string
	imsi       string
	at         time.Time
	delay      time.Duration
	lasted     int // seconds, -1: 0
	in, out    uint32
	inGiga     uint32
	class      []string
	nas        net.IP
	identifier byte // of the packet; 0: the next one
	more       func(*radius.Packet)
}

const (
	begin  = rfc2866.AcctStatusType_Value_Start
	update = rfc2866.AcctStatusType_Value_InterimUpdate
	end    = rfc2866.AcctStatusType_Value_Stop
	on     = rfc2866.AcctStatusType_Value_AccountingOn
	off    = rfc2866.AcctStatusType_Value_AccountingOff
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (s *service) packet(r record) *radius.Packet {
	p := radius.New(radius.CodeAccountingRequest, []byte(secret))
	p.Identifier = r.identifier
	if r.identifier == 0 {
		p.Identifier = byte(s.serial.Add(1))
	}
	must(rfc2866.AcctStatusType_Set(p, r.kind))
	for t, value := range map[radius.Type]string{
		rfc2866.AcctSessionID_Type: r.id, rfc2865.UserName_Type: r.user, rfc2865.CallingStationID_Type: r.number,
	} {
		if value != "" {
			p.Add(t, radius.Attribute(value))
		}
	}
	if r.imsi != "" {
		p.Add(rfc2865.VendorSpecific_Type, append(radius.Attribute{0, 0, 0x28, 0xaf, 1, byte(len(r.imsi) + 2)}, r.imsi...))
	}
	for _, class := range r.class {
		p.Add(rfc2865.Class_Type, radius.Attribute(class))
	}
	if !r.at.IsZero() {
		must(rfc2869.EventTimestamp_Set(p, r.at))
	}
	for t, n := range map[radius.Type]uint32{
		rfc2866.AcctDelayTime_Type: uint32(r.delay / time.Second), rfc2866.AcctInputOctets_Type: r.in,
		rfc2866.AcctOutputOctets_Type: r.out, rfc2869.AcctInputGigawords_Type: r.inGiga,
	} {
		if n > 0 {
			p.Add(t, binary.BigEndian.AppendUint32(nil, n))
		}
	}
	if r.lasted != 0 {
		must(rfc2866.AcctSessionTime_Set(p, rfc2866.AcctSessionTime(max(r.lasted, 0))))
	}
	if r.kind == end {
		must(rfc2866.AcctTerminateCause_Set(p, rfc2866.AcctTerminateCause_Value_UserRequest))
	}
	switch nas := r.nas; {
	case nas == nil:
		must(rfc2865.NASIPAddress_Set(p, net.IPv4(10, 0, 0, 1)))
	case len(nas) == 0:
	case nas.To4() != nil:
		must(rfc2865.NASIPAddress_Set(p, nas))
	default:
		p.Add(rfc3162.NASIPv6Address_Type, radius.Attribute(nas.To16()))
	}
	if r.more != nil {
		r.more(p)
	}
	return p
}

func encode(p *radius.Packet) []byte {
	wire, err := p.Encode()
	must(err)
	return wire
}

// account sends a record until it is answered, as gateways do, and checks the answer.
func (s *service) account(r record) *radius.Packet {
	s.t.Helper()
	return s.deliver(s.socket(), encode(s.packet(r)))
}

func (s *service) deliver(c *socket, wire []byte) *radius.Packet {
	s.t.Helper()
	for range 100 {
		c.send(wire)
		answer := c.answered(2 * time.Second)
		for answer != nil && !radius.IsAuthenticResponse(answer, wire, []byte(secret)) {
			answer = c.answered(2 * time.Second) // that was the answer to an earlier packet
		}
		if answer == nil {
			continue
		}
		p, err := radius.Parse(answer, []byte(secret))
		if err != nil || p.Code != radius.CodeAccountingResponse || p.Identifier != wire[1] {
			s.t.Fatalf("the answer is %+v, %v", p, err)
		}
		return p
	}
	s.t.Fatal("no answer")
	return nil
}

// session is a row of radius.radacct.
type session struct {
	ID       int64      `db:"radacctid"`
	Key      string     `db:"acctuniqueid"`
	Session  string     `db:"acctsessionid"`
	Username string     `db:"username"`
	SIM      *int64     `db:"sim"`
	NAS      string     `db:"nas"`
	Began    time.Time  `db:"acctstarttime"`
	Updated  time.Time  `db:"acctupdatetime"`
	Ended    *time.Time `db:"acctstoptime"`
	Lasted   *int64     `db:"acctsessiontime"`
	In       int64      `db:"acctinputoctets"`
	Out      int64      `db:"acctoutputoctets"`
	Cause    *string    `db:"acctterminatecause"`
	Error    *string    `db:"start_error"`
}

// sessions returns the rows by id.
func (s *service) sessions() []session {
	s.t.Helper()
	return storagetest.All[session](s.db, `
		SELECT radacctid, acctuniqueid, acctsessionid, coalesce(username, '') AS username, sim, host(nasipaddress) AS nas, acctstarttime,
			acctupdatetime, acctstoptime, acctsessiontime, acctinputoctets, acctoutputoctets, acctterminatecause, start_error
		FROM radius.radacct
		ORDER BY radacctid`)
}

// only returns the one row.
func (s *service) only() session {
	s.t.Helper()
	list := s.sessions()
	if len(list) != 1 {
		s.t.Fatalf("there are %d sessions, want 1: %+v", len(list), list)
	}
	return list[0]
}

// clear deletes all sessions.
func (s *service) clear() { s.db.Exec(`TRUNCATE radius.radacct, radius.nasreload, work`) }

func (s *service) sims(n int, status transfer.Status) []storagetest.SIM {
	return s.db.SIMs(n, storagetest.SIM{Account: s.db.Account().ID, Status: status})
}

// sign encodes a packet with a Message-Authenticator.
func sign(p *radius.Packet) []byte {
	p.Add(rfc2869.MessageAuthenticator_Type, make(radius.Attribute, md5.Size))
	if p.Code == radius.CodeAccountingRequest {
		p.Authenticator = [16]byte{}
	}
	wire, err := p.MarshalBinary()
	must(err)
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(wire)
	p.Set(rfc2869.MessageAuthenticator_Type, mac.Sum(nil))
	return encode(p)
}

// reseal computes the Request Authenticator of an Accounting-Request again.
func reseal(wire []byte) {
	clear(wire[4:20])
	sum := md5.Sum(append(bytes.Clone(wire), secret...))
	copy(wire[4:20], sum[:])
}
