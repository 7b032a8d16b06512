package model_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// Pull requests and transfer codes, which come before a request.

type modelPull struct {
	asker    int
	canceled bool
	expired  bool
	parts    map[int]modelPart // by owner
}

// modelPart is never written to.
type modelPart struct {
	sims     []int
	decision string // empty: none
}

type modelCode struct {
	request modelRequest // without its destination
	state   transfer.CodeState
}

func (m *model) cloneOffers() {
	m.codes, m.pulls = slices.Clone(m.codes), slices.Clone(m.pulls)
	for i := range m.pulls {
		m.pulls[i].parts = maps.Clone(m.pulls[i].parts)
	}
}

func (p modelPull) state() transfer.PullState {
	switch {
	case p.canceled:
		return transfer.PullCanceled
	case p.expired:
		return transfer.PullExpired
	}
	return transfer.PullOpen
}

// endOffers ends what an account that is being closed asks for and offers.
func (m *model) endOffers(account int) {
	for i := range m.codes {
		if c := &m.codes[i]; c.request.source == account && c.state == transfer.CodeOpen {
			c.state = transfer.CodeRevoked
		}
	}
	for i := range m.pulls {
		p := &m.pulls[i]
		if p.state() != transfer.PullOpen {
			continue
		}
		if p.asker == account {
			p.canceled = true
		}
		if part, asked := p.parts[account]; asked && part.decision == "" {
			part.decision = string(transfer.RefusePull)
			p.parts[account] = part
		}
	}
}

// dumpOffers describes pull requests and codes as offersSQL does.
func (m *model) dumpOffers(add func(format string, args ...any)) {
	for i, p := range m.pulls {
		add("pull %d by %d: %s", i+1, p.asker, p.state())
		for owner, part := range p.parts {
			add("pull %d asks %d: %v %s", i+1, owner, part.sims, part.decision)
		}
	}
	for i, c := range m.codes {
		add("code %d of %d: %s", i+1, c.request.source, c.state)
	}
}

const offersSQL = `
UNION ALL
SELECT format('pull %s by %s: %s', dense_rank() OVER (ORDER BY id), asker,
	CASE WHEN canceled_at IS NOT NULL THEN 'canceled' WHEN expires_at <= clock_timestamp() THEN 'expired' ELSE 'open' END), NULL
FROM pulls
UNION ALL
SELECT format('pull %s asks %s: [%s] %s', p.nth, owner, array_to_string(sims, ' '), decision), NULL
FROM pull_owners
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM pulls) p ON p.id = pull
UNION ALL
SELECT format('code %s of %s: %s', row_number() OVER (ORDER BY id), source, CASE WHEN redeemed_at IS NOT NULL THEN 'redeemed'
	WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= clock_timestamp() THEN 'expired' ELSE 'open' END), NULL
FROM transfer_codes`

// code makes a transfer code.
func (w *testService) code(r modelRequest) operation {
	n := storage.NewTransferCode{
		Source: storage.Account{ID: int64(r.source)}, SelfServiceOnly: r.selfOnly, Acceptance: 24 * time.Hour, Period: time.Hour,
		By: storage.Actor{Party: transfer.PartySource},
	}
	for _, t := range r.transfers {
		n.SIMs = append(n.SIMs, parsed(t.identifier))
	}
	return operation{
		name: fmt.Sprintf("account %d makes a code for %v", r.source, n.SIMs),
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", w.db.InTx(ctx, func(tx *storage.Tx) error {
				_, secret, err := tx.CreateTransferCode(ctx, n, storage.DefaultLimits{})
				w.codes = append(w.codes, secret)
				return err
			})
		},
		steps: silently(func(m *model) { m.codes = append(m.codes, modelCode{r, transfer.CodeOpen}) }),
	}
}

// redeem redeems a code. If it succeeds, the request gets the next number.
func (w *testService) redeem(number, destination int) operation {
	return operation{
		name: fmt.Sprintf("account %d redeems code %d", destination, number),
		do: func(ctx context.Context, _ func()) (string, error) {
			var made storage.Request
			err := w.db.InTx(ctx, func(tx *storage.Tx) (err error) {
				made, _, err = tx.RedeemCode(ctx, storage.Redemption{
					Code: w.codes[number-1], Destination: storage.Account{ID: int64(destination)}, Review: 7 * 24 * time.Hour,
					By: storage.Actor{Party: transfer.PartyDestination},
				})
				return err
			})
			if errors.Is(err, storage.ErrInvalidCode) {
				return "invalid", nil
			}
			if err == nil {
				w.requests = append(w.requests, made.ID)
			}
			return refusal(err)
		},
		steps: atOnce(func(m *model) string {
			c := &m.codes[number-1]
			if c.state != transfer.CodeOpen || c.request.source == destination || !m.account(c.request.source).open {
				return "invalid"
			}
			if !m.account(destination).open {
				return (&storage.AccountClosedError{Event: transfer.Accept}).Error()
			}
			c.state = transfer.CodeRedeemed
			r := c.request
			r.transfers, r.destination = slices.Clone(r.transfers), destination
			m.createBy("destination", "transfer_code", r)
			return ""
		}),
	}
}

// pull asks for SIMs by their ICCIDs.
func (w *testService) pull(asker int, iccids []string) operation {
	n := storage.NewPull{Asker: storage.Account{ID: int64(asker)}, Period: time.Hour, By: storage.Actor{Party: transfer.PartyDestination}}
	for _, iccid := range iccids {
		n.ICCIDs = append(n.ICCIDs, parsed(iccid))
	}
	return operation{
		name: fmt.Sprintf("account %d asks for %s", asker, strings.Join(iccids, ", ")),
		do: func(ctx context.Context, _ func()) (string, error) {
			var made storage.Pull
			err := w.db.InTx(ctx, func(tx *storage.Tx) (err error) {
				made, err = tx.CreatePull(ctx, n, storage.DefaultLimits{})
				return err
			})
			var own *storage.OwnSIMsError
			if errors.As(err, &own) {
				return fmt.Sprint("own: ", own.Places), nil
			}
			w.pulls = append(w.pulls, made.ID)
			return fmt.Sprint(made.State, " ", made.Size), err
		},
		steps: atOnce(func(m *model) string {
			p := modelPull{asker: asker, parts: map[int]modelPart{}}
			var own []int
			for i, iccid := range iccids {
				switch sim := m.named(iccid); {
				case sim == 0:
				case m.sim(sim).account == asker:
					own = append(own, i)
				default:
					part := p.parts[m.sim(sim).account]
					part.sims = append(part.sims, sim)
					p.parts[m.sim(sim).account] = part
				}
			}
			if len(own) > 0 {
				return fmt.Sprint("own: ", own)
			}
			m.pulls = append(m.pulls, p)
			return fmt.Sprint("open ", len(iccids)) // whatever the SIMs are
		}),
	}
}

// answer decides on a pull request as an account. If it is approved, the request
// gets the next number.
func (w *testService) answer(number, owner int, decision transfer.PullDecision) operation {
	return operation{
		name: fmt.Sprintf("account %d: pull %d is %s", owner, number, decision),
		do: func(ctx context.Context, _ func()) (string, error) {
			account, err := w.db.Account(ctx, operatorID(owner).Ref())
			if err != nil {
				return "", err
			}
			var p storage.Pull
			err = w.db.InTx(ctx, func(tx *storage.Tx) (err error) {
				p, err = tx.AnswerPull(ctx, w.pulls[number-1], storage.PullAnswer{
					Owner: account, Decision: decision, Acceptance: 24 * time.Hour, Review: 7 * 24 * time.Hour,
					By: storage.Actor{Party: transfer.PartySource},
				})
				return err
			})
			var state *transfer.PullStateError
			if errors.As(err, &state) {
				return state.Error(), nil
			}
			if err == nil && decision == transfer.ApprovePull {
				w.requests = append(w.requests, uuid.MustParse(p.Requests[0]))
			}
			return refusal(err)
		},
		steps: atOnce(func(m *model) string {
			p := &m.pulls[number-1]
			part, asked := p.parts[owner]
			state := p.state()
			if part.decision != "" {
				state = transfer.PullState(part.decision)
			}
			var sims []int
			for _, sim := range part.sims {
				if m.sim(sim).account == owner {
					sims = append(sims, sim)
				}
			}
			switch {
			case !asked, part.decision == "" && len(sims) == 0:
				return storage.ErrNotFound.Error()
			case state != transfer.PullOpen:
				return (&transfer.PullStateError{State: state}).Error()
			case decision == transfer.ApprovePull && (!m.account(owner).open || !m.account(p.asker).open):
				return (&storage.AccountClosedError{Event: transfer.Approve}).Error()
			}
			if decision == transfer.ApprovePull {
				r := modelRequest{source: owner, destination: p.asker}
				for _, sim := range sims {
					r.transfers = append(r.transfers, modelTransfer{identifier: m.sim(sim).identifiers[0], state: transfer.Pending})
				}
				m.createBy("source", "pull_request", r)
			}
			p.parts[owner] = modelPart{sims, string(decision)}
			return ""
		}),
	}
}

// lapseOffers lets the time of all pull requests and codes be over.
func (w *testService) lapseOffers() operation {
	return operation{
		name: "the time of all pull requests and codes is over",
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", errors.Join(
				w.exec(ctx, `UPDATE pulls SET created_at = created_at - interval '2 hours', expires_at = expires_at - interval '2 hours'`),
				w.exec(ctx, `UPDATE transfer_codes SET created_at = created_at - interval '2 hours', expires_at = expires_at - interval '2 hours' WHERE redeemed_at IS NULL`),
				w.exec(ctx, `UPDATE pull_owners SET decided_at = decided_at - interval '2 hours'`),
			)
		},
		steps: silently(func(m *model) {
			for i := range m.pulls {
				m.pulls[i].expired = true
			}
			for i := range m.codes {
				if m.codes[i].state == transfer.CodeOpen {
					m.codes[i].state = transfer.CodeExpired
				}
			}
		}),
	}
}

// offer makes, answers or redeems a pull request or a code.
func (s *comparison) offer(t *rapid.T) {
	account := func() int { return rapid.IntRange(1, len(s.m.accounts)).Draw(t, "account") }
	busy := len(s.open()) > 6
	switch kind := rapid.SampledFrom([]string{"code", "redeem", "redeem", "pull", "answer", "answer", "answer", "lapse"}).Draw(t, "kind of offer"); {
	case kind == "code" && len(s.m.codes) < 8:
		s.do(t, s.w.code(s.drawNew(t)))
	case kind == "redeem" && len(s.m.codes) > 0 && !busy:
		s.do(t, s.w.redeem(rapid.IntRange(1, len(s.m.codes)).Draw(t, "code"), account()))
	case kind == "pull" && len(s.m.pulls) < 8:
		var iccids []string
		for range rapid.IntRange(1, 4).Draw(t, "size") {
			if iccid := s.m.sim(s.drawSIM(t)).identifiers[0]; !slices.Contains(iccids, iccid) {
				iccids = append(iccids, iccid)
			}
		}
		s.do(t, s.w.pull(account(), append(iccids, "89883030000099999999")))
	case kind == "answer" && len(s.m.pulls) > 0 && !busy:
		number := rapid.IntRange(1, len(s.m.pulls)).Draw(t, "pull")
		owner := account()
		if owners := slices.Sorted(maps.Keys(s.m.pulls[number-1].parts)); len(owners) > 0 && rapid.IntRange(0, 4).Draw(t, "asked") > 0 {
			owner = rapid.SampledFrom(owners).Draw(t, "owner")
		}
		s.do(t, s.w.answer(number, owner, rapid.SampledFrom(transfer.PullDecisions()).Draw(t, "decision")))
	case kind == "lapse":
		s.do(t, s.w.lapseOffers())
	default:
		t.Skip("nothing to do")
	}
}
