package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// The conducts of the mail server.
const (
	away        conduct = "closes connections"
	closing     conduct = "answers 421"
	silent      conduct = "does not answer"
	greylisting conduct = "answers 451 to every recipient"
	interrupted conduct = "closes the connection while it receives a mail"
	losing      conduct = "takes mails and closes the connection instead of answering"
	hasty       conduct = "answers 250 and closes the connection"
)

func mailConducts() []conduct {
	return []conduct{away, closing, silent, greylisting, interrupted, losing, hasty}
}

// refusedContact is an address that the mail server refuses for good.
const refusedContact = "gone@example.com"

// losesEvery says for how many mails the answer to one is lost, whatever the conduct.
const losesEvery = 40

// mailServer is an SMTP server, without TLS, that keeps what it receives.
type mailServer struct {
	listener net.Listener
	behavior behavior
	talks    sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
	taken  int                  // number of mails received
	got    map[string][]arrival // by Message-ID
}

// arrival is a mail that the server has received completely.
type arrival struct {
	at       time.Time
	to       string
	event    string // of the header X-Simtransfer-Event
	answered bool   // the client got an answer
}

func newMailServer(ctx context.Context) (*mailServer, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the mail server: %w", err)
	}
	s := &mailServer{listener: listener, open: map[net.Conn]bool{}, got: map[string][]arrival{}}
	s.talks.Go(s.serve)
	return s, nil
}

func (s *mailServer) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // it was closed
		}
		if !s.add(conn) {
			return
		}
		s.talks.Go(func() {
			defer s.remove(conn)
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			s.talk(textproto.NewConn(conn))
		})
	}
}

// add keeps a connection, to close it at the end. It returns false at the end.
func (s *mailServer) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return false
	}
	s.open[conn] = true
	return true
}

func (s *mailServer) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = conn.Close()
	delete(s.open, conn)
}

func (s *mailServer) close() error {
	s.behavior.set(answering)
	s.mu.Lock()
	s.closed = true
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	err := s.listener.Close()
	s.talks.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// talk answers the commands of a client until it or the server ends the connection.
func (s *mailServer) talk(conn *textproto.Conn) {
	say := func(line string) bool { return conn.PrintfLine("%s", line) == nil }
	switch is, over := s.behavior.is(); is {
	case away:
		return
	case closing:
		say("421 4.3.2 closing for a while")
		return
	case silent:
		<-over
	default:
	}
	if !say("220 chaos.example.com ESMTP") {
		return
	}
	to := ""
	for {
		line, err := conn.ReadLine()
		if err != nil {
			return
		}
		is, over := s.behavior.is()
		if is == silent {
			<-over
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		answer := "250 2.0.0 ok"
		switch verb {
		case "EHLO", "HELO", "MAIL", "RSET", "NOOP":
		case "RCPT":
			_, address, _ := strings.Cut(line, "<")
			to, _, _ = strings.Cut(address, ">")
			switch {
			case to == refusedContact:
				answer = "550 5.1.1 no such mailbox"
			case is == greylisting:
				answer = "451 4.7.1 try again later"
			}
		case "DATA":
			if !s.receive(conn, to, is) {
				return
			}
			continue
		case "QUIT":
			say("221 2.0.0 bye")
			return
		default:
			answer = "502 5.5.1 unknown command"
		}
		if !say(answer) {
			return
		}
	}
}

// receive receives a mail. It returns false if the connection is to be closed.
func (s *mailServer) receive(conn *textproto.Conn, to string, is conduct) bool {
	if conn.PrintfLine("354 go ahead") != nil || is == interrupted {
		return false
	}
	text, err := conn.ReadDotBytes()
	if err != nil {
		return false // the client was killed
	}
	m, err := netmail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return conn.PrintfLine("554 5.6.0 this is no mail") == nil
	}
	s.mu.Lock()
	id := strings.Trim(m.Header.Get("Message-Id"), "<>")
	s.taken++
	lost := is == losing || s.taken%losesEvery == 0
	s.got[id] = append(s.got[id], arrival{time.Now(), to, m.Header.Get("X-Simtransfer-Event"), !lost})
	s.mu.Unlock()
	if lost {
		return false
	}
	return conn.PrintfLine("250 2.0.0 taken") == nil && is != hasty
}

// count returns how many mails have arrived, how many of them more than once, and how
// often the client got no answer.
func (s *mailServer) count() (mails, repeated, unanswered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.got {
		mails++
		if len(list) > 1 {
			repeated++
		}
		for _, a := range list {
			if !a.answered {
				unanswered++
			}
		}
	}
	return mails, repeated, unanswered
}
