package transfer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"simtransfer/transfer"
)

func TestWindow(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for _, c := range []struct {
		name      string
		window    transfer.Window
		notBefore time.Time
		wrong     string // field
	}{
		{"from now", transfer.Window{NotAfter: at(time.Hour)}, now, ""},
		{"later", transfer.Window{NotBefore: at(time.Hour)}, at(time.Hour), ""},
		{"just past, by another clock", transfer.Window{NotBefore: at(-4 * time.Minute)}, now, ""},
		{"past", transfer.Window{NotBefore: at(-6 * time.Minute)}, time.Time{}, "not_before"},
		{"last year", transfer.Window{NotBefore: now.AddDate(-1, 0, 0)}, time.Time{}, "not_before"},
		{"at the limit", transfer.Window{NotBefore: at(720 * time.Hour)}, at(720 * time.Hour), ""},
		{"beyond the limit", transfer.Window{NotBefore: at(720*time.Hour + time.Second)}, time.Time{}, "not_before"},
		{"a minute long", transfer.Window{NotBefore: at(time.Hour), NotAfter: at(61 * time.Minute)}, at(time.Hour), ""},
		{"too short", transfer.Window{NotBefore: at(time.Hour), NotAfter: at(61*time.Minute - 1)}, time.Time{}, "not_after"},
		{"reversed", transfer.Window{NotBefore: at(time.Hour), NotAfter: at(time.Minute)}, time.Time{}, "not_after"},
		{"until the limit", transfer.Window{NotAfter: at(90 * 24 * time.Hour)}, now, ""},
		{"until after the limit", transfer.Window{NotBefore: at(time.Hour), NotAfter: at(90*24*time.Hour + 1)}, time.Time{}, "not_after"},
		{"over", transfer.Window{NotAfter: at(-time.Hour)}, time.Time{}, "not_after"},
	} {
		got, err := c.window.Check(now)
		var wrong *transfer.WindowError
		if errors.As(err, &wrong) != (c.wrong != "") || wrong != nil && wrong.Field != c.wrong {
			t.Errorf("%s: %v, want an error of %q", c.name, err, c.wrong)
		}
		if err == nil && (!got.NotBefore.Equal(c.notBefore) || !got.NotAfter.Equal(c.window.NotAfter)) {
			t.Errorf("%s: %+v, want it to begin at %s", c.name, got, c.notBefore)
		}
	}
}

func TestCheckExtension(t *testing.T) {
	t.Parallel()
	since := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	ends := since.Add(24 * time.Hour)
	for _, c := range []struct {
		ends, until time.Time
		want        string // part of the error
	}{
		{ends, ends.Add(time.Second), ""},
		{ends, since.Add(30 * 24 * time.Hour), ""},
		{ends, since.Add(30*24*time.Hour + 1), "the latest time is 2030-01-31T00:00:00Z"},
		{ends, ends, "not later than"},
		{ends, since, "not later than"},
		{since.Add(30 * 24 * time.Hour), since.Add(31 * 24 * time.Hour), "cannot be extended"},
	} {
		err := transfer.CheckExtension(since, c.ends, c.until)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("from %s to %s: %v, want %q", c.ends, c.until, err, c.want)
		}
	}
}

func TestEndIsTakenBack(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
	end := transfer.End{By: transfer.PartySource, At: at, From: transfer.AwaitingAcceptance, Expires: at.Add(9 * time.Minute)}
	forever := end
	forever.Expires = time.Time{}
	for _, c := range []struct {
		end   transfer.End
		by    transfer.Party
		after time.Duration
		want  string // why not, or expired
	}{
		{end, transfer.PartySource, 0, ""},
		{end, transfer.PartySource, 9*time.Minute - 1, ""},
		{end, transfer.PartySource, 9 * time.Minute, "expired"},
		{forever, transfer.PartySource, 10*time.Minute - 1, ""},
		{forever, transfer.PartySource, 10 * time.Minute, transfer.TakeBackLate},
		{end, transfer.PartyDestination, 0, transfer.OtherParty},
		{end, transfer.PartySupport, 0, transfer.OtherParty},
		{transfer.End{}, transfer.PartySource, 0, transfer.NoTakeBack},
	} {
		err := c.end.TakeBack(c.by, at.Add(c.after))
		got := ""
		var expired *transfer.ExpiredError
		var refused *transfer.TakeBackError
		switch {
		case errors.As(err, &expired):
			got = "expired"
		case errors.As(err, &refused):
			got = refused.Why
		}
		if got != c.want {
			t.Errorf("by %s after %s: %v, want %q", c.by, c.after, err, c.want)
		}
	}
	denied := transfer.End{By: transfer.PartySupport, At: at, From: transfer.InReview}
	if err := denied.TakeBack(transfer.PartySource, at); err == nil || err.Error() != "the request was ended by support: only support can take that back" {
		t.Errorf("%v", err)
	}
}
