package api

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// attempts limits the failed attempts to authenticate from one address, before
// the database is asked: unknown API keys, and sign-ins that fail. Keys that
// were valid a moment ago are not limited, so no client can lock out others
// that share its address or proxy. It is local to the process and uses
// bounded memory. The zero value is ready to use.
type attempts struct {
	mu sync.Mutex

	// full is when all failures of a network are forgotten.
	full  map[netip.Prefix]time.Time
	valid map[[sha256.Size]byte]struct{} // hashes of secrets that were valid
}

const (
	attemptsBurst    = 200                    // failures from one network at once
	attemptsInterval = 100 * time.Millisecond // for one more
	maxAttemptsKept  = 10_000                 // networks, and valid secrets
)

// networkOf returns what one client is assumed to control: an IPv4 address, or
// the /64 network of an IPv6 address.
func networkOf(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{} // unknown addresses share one limit
	}
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	network, _ := a.Prefix(bits) // the length is valid
	return network
}

// wait returns how long an attempt with a secret has to wait; zero means that it
// may be made.
func (l *attempts) wait(address, secret string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, valid := l.valid[sha256.Sum256([]byte(secret))]; valid {
		return 0
	}
	full := l.full[networkOf(address)]
	if !full.After(now) {
		return 0
	}
	return max(0, full.Sub(now)-(attemptsBurst-1)*attemptsInterval)
}

// failed counts a failure.
func (l *attempts) failed(address, secret string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.valid, sha256.Sum256([]byte(secret)))
	network := networkOf(address)
	if l.full == nil {
		l.full = map[netip.Prefix]time.Time{}
	}
	if _, known := l.full[network]; !known && len(l.full) >= maxAttemptsKept {
		l.forget(now)
	}
	at := l.full[network]
	if at.Before(now) {
		at = now
	}
	l.full[network] = at.Add(attemptsInterval)
}

// forget makes room for one more network.
func (l *attempts) forget(now time.Time) {
	for network, at := range l.full {
		if at.Before(now) {
			delete(l.full, network)
		}
	}
	for network := range l.full {
		if len(l.full) < maxAttemptsKept {
			return
		}
		delete(l.full, network)
	}
}

// succeeded records that a secret is valid.
func (l *attempts) succeeded(secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.valid == nil || len(l.valid) >= maxAttemptsKept {
		l.valid = map[[sha256.Size]byte]struct{}{} // it fills again by the next calls
	}
	l.valid[sha256.Sum256([]byte(secret))] = struct{}{}
}
