package storage_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

func makeCode(t *testing.T, db *storagetest.DB, source storage.Account, sims ...storagetest.SIM) (storage.TransferCode, transfer.Code) {
	t.Helper()
	n := storage.NewTransferCode{Source: source, Words: storage.Words{Reference: "PO-7", Message: "as agreed"}, Acceptance: time.Hour, Period: time.Hour, By: storage.Actor{Party: transfer.PartySource}}
	for _, s := range sims {
		n.SIMs = append(n.SIMs, s.Identifier())
	}
	var made storage.TransferCode
	var secret transfer.Code
	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		var err error
		made, secret, err = tx.CreateTransferCode(t.Context(), n, storage.DefaultLimits{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return made, secret
}

func redeem(t *testing.T, db *storagetest.DB, secret transfer.Code, to storage.Account) (r storage.Request, err error) {
	t.Helper()
	err = db.InTx(t.Context(), func(tx *storage.Tx) error {
		r, _, err = tx.RedeemCode(t.Context(), storage.Redemption{Code: secret, Destination: to, Review: time.Hour, By: storage.Actor{Party: transfer.PartyDestination}})
		return err
	})
	return r, err
}

// A code makes one request, whose destination accepts as usual. Every code that
// cannot be redeemed gets the same error.
func TestRedeemCode(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	sims := db.SIMs(3, storagetest.SIM{Account: from.ID})
	made, secret := makeCode(t, db, from, sims...)
	if made.State != transfer.CodeOpen || made.Size != 3 || made.Request != nil {
		t.Errorf("%+v", made)
	}
	checkCount(t, db, 0, `SELECT count(*) FROM transfer_codes c WHERE to_jsonb(c)::text LIKE '%' || $1 || '%'`, secret.Compact())
	invalid := func(what string, secret transfer.Code, to storage.Account) {
		t.Helper()
		if _, err := redeem(t, db, secret, to); !errors.Is(err, storage.ErrInvalidCode) {
			t.Errorf("%s: %v", what, err)
		}
	}
	invalid("own", secret, from)
	guessed, _ := transfer.NewCode([transfer.CodeBytes]byte{1})
	invalid("guessed", guessed, to)
	r, err := redeem(t, db, secret, to)
	if err != nil || r.Source != from.ID || r.Destination != to.ID || r.Size != 3 || *r.Reference != "PO-7" || *r.Message != "as agreed" {
		t.Fatalf("%+v %v", r, err)
	}
	if c, err := db.TransferCode(t.Context(), made.ID); err != nil || c.State != transfer.CodeRedeemed || *c.Request != r.ID || *c.Destination != to.OperatorID {
		t.Errorf("%+v %v", c, err)
	}
	invalid("redeemed", secret, to)
	validate(t, db, r.ID)
	db.Decide(r.ID, transfer.Accept)
	execute(t, db, r.ID)
	for _, s := range sims {
		if owner := db.Owner(s); owner != to.ID {
			t.Errorf("account %d owns SIM %s", owner, s.ICCID)
		}
	}
	db.Check()

	more := db.SIMs(1, storagetest.SIM{Account: from.ID})
	expired, secret := makeCode(t, db, from, more...)
	db.Exec(`UPDATE transfer_codes SET expires_at = clock_timestamp() - interval '1 s' WHERE id = $1`, expired.ID)
	invalid("expired", secret, to)
	revoked, secret := makeCode(t, db, from, more...)
	revoke := func(id uuid.UUID) error {
		return db.InTx(t.Context(), func(tx *storage.Tx) error {
			return tx.RevokeTransferCode(t.Context(), storage.System(), id, func(c storage.TransferCode) error {
				if c.SourceID != from.ID {
					return storage.ErrNotFound
				}
				return nil
			})
		})
	}
	for range 2 {
		if err := revoke(revoked.ID); err != nil {
			t.Error(err)
		}
	}
	var state *transfer.CodeStateError
	if err := revoke(made.ID); !errors.As(err, &state) || state.State != transfer.CodeRedeemed {
		t.Errorf("%v", err)
	}
	invalid("revoked", secret, to)

	// Closing the account of the source ends its codes.
	last, secret := makeCode(t, db, from, more...)
	closed := storage.StandingClosed
	if _, err := db.UpdateAccount(t.Context(), storage.System(), from.OperatorID.Ref(), storage.AccountChange{Standing: &closed}); err != nil {
		t.Fatal(err)
	}
	if c, err := db.TransferCode(t.Context(), last.ID); err != nil || c.State != transfer.CodeRevoked {
		t.Errorf("%+v %v", c, err)
	}
	invalid("closed", secret, to)
}

// An open code counts as an open request of the source; redeeming it changes
// nothing in that.
func TestCodesCountAsOpenRequests(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	sims := db.SIMs(3, storagetest.SIM{Account: from.ID})
	_, secret := makeCode(t, db, from, sims...)
	used := func() storage.Usage {
		u, err := db.Usage(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	want := storage.Usage{OpenRequests: 1, OpenSIMs: 3}
	if u := used(); u != want {
		t.Errorf("%+v", u)
	}
	if _, err := redeem(t, db, secret, to); err != nil {
		t.Fatal(err)
	}
	if u := used(); u != want {
		t.Errorf("%+v", u)
	}
}

// A code is not redeemed by an account that is being closed, nor a pull request
// approved for it: both wait for the transaction that closes the account.
func TestNoRequestToAccountThatIsBeingClosed(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	sims := db.SIMs(2, storagetest.SIM{Account: from.ID})
	_, secret := makeCode(t, db, from, sims[0])
	closed := storage.StandingClosed
	held := db.Hold(func(tx *storage.Tx) error {
		_, _, err := tx.UpdateAccount(t.Context(), storage.System(), to.OperatorID.Ref(), storage.AccountChange{Standing: &closed})
		return err
	})
	redeemed := storagetest.Go(func() error {
		_, err := redeem(t, db, secret, to)
		return err
	})
	db.AwaitBlocked(1)
	held.Commit()
	var refused *storage.AccountClosedError
	if err := <-redeemed; !errors.As(err, &refused) {
		t.Errorf("redeemed by a closed account: %v", err)
	}

	asker := db.Account()
	p, err := pull(t, db, asker, sims[1].ICCID)
	if err != nil {
		t.Fatal(err)
	}
	held = db.Hold(func(tx *storage.Tx) error {
		_, err := tx.AnswerPull(t.Context(), p.ID, storage.PullAnswer{
			Owner: from, Decision: transfer.ApprovePull, Acceptance: time.Hour, Review: time.Hour, By: storage.Actor{Party: transfer.PartySource},
		})
		return err
	})
	closing := storagetest.Go(func() error {
		_, err := db.UpdateAccount(t.Context(), storage.System(), from.OperatorID.Ref(), storage.AccountChange{Standing: &closed})
		return err
	})
	db.AwaitBlocked(1)
	held.Commit()
	var used *storage.AccountInUseError
	if err := <-closing; !errors.As(err, &used) {
		t.Errorf("closed while a pull request was approved: %v", err)
	}
	db.Check()
}

// Of many calls that redeem one code at once, one succeeds.
func TestRedemptionsRace(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from := db.Account()
	_, secret := makeCode(t, db, from, db.SIMs(2, storagetest.SIM{Account: from.ID})...)
	var mu sync.Mutex
	var wg sync.WaitGroup
	done := 0
	for range 6 {
		to := db.Account()
		wg.Go(func() {
			_, err := redeem(t, db, secret, to)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				done++
			case !errors.Is(err, storage.ErrInvalidCode):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if done != 1 {
		t.Errorf("redeemed %d times", done)
	}
	checkCount(t, db, 1, `SELECT count(*) FROM requests`)
	db.Check()
}

// An account and a network can try a few wrong codes in an hour, also at once.
func TestCodeAttempts(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	var mu sync.Mutex
	var wg sync.WaitGroup
	begun, denied := 0, 0
	for range 2 * storage.MaxCodeAttempts {
		wg.Go(func() {
			_, _, err := db.BeginCodeAttempt(t.Context(), 1, "192.0.2.1/32")
			mu.Lock()
			defer mu.Unlock()
			var many *storage.TooManyCodesError
			switch {
			case err == nil:
				begun++
			case errors.As(err, &many) && many.RetryAfter > 59*time.Minute && many.RetryAfter <= time.Hour:
				denied++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if begun != storage.MaxCodeAttempts || denied != storage.MaxCodeAttempts {
		t.Errorf("%d begun, %d denied", begun, denied)
	}
	begun = 0
	for account := int64(2); account < 100; account++ {
		if _, _, err := db.BeginCodeAttempt(t.Context(), account, "192.0.2.1/32"); err == nil {
			begun++
		}
	}
	if begun != storage.MaxNetworkCodeAttempts-storage.MaxCodeAttempts {
		t.Errorf("%d begun from one network", begun)
	}
	if _, _, err := db.BeginCodeAttempt(t.Context(), 200, "192.0.2.2/32"); err != nil {
		t.Error(err)
	}
	db.Exec(`UPDATE code_attempts SET at = at - interval '1 hour'`)
	if _, _, err := db.BeginCodeAttempt(t.Context(), 1, "192.0.2.1/32"); err != nil {
		t.Error(err)
	}
	if n, err := db.PurgeOffers(t.Context(), 0, 1000); err != nil || n != storage.MaxNetworkCodeAttempts+1 {
		t.Errorf("deleted %d, %v", n, err)
	}
}
