package console

import (
	"net/url"

	"simtransfer/client"
)

// OpenSessions returns how many of the listed data sessions are open.
func (s simView) OpenSessions() int {
	n := 0
	for _, session := range s.Sessions.Items {
		if session.StoppedAt == nil {
			n++
		}
	}
	return n
}

// MayDrop reports whether the person can end the data sessions of the SIM.
func (s simView) MayDrop() bool { return s.visit.me.has("operator") || s.visit.me.has("support") }

// dropSessions ends the open data sessions of a SIM.
func (v *visit) dropSessions() error {
	sim := v.r.PathValue("sim")
	f := v.posted("drop")
	dropped, err := v.api.DropSIMSessions(v.ctx(), sim, client.SessionDrop{}, f.Option())
	if err != nil {
		return v.refused(f, err, v.sim)
	}
	done := "The gateway is asked to end the session. Load the page again to see what it answered."
	if dropped.Sessions == 0 {
		done = "The SIM has no open data session any more."
	}
	return v.redirect("/sims/"+url.PathEscape(sim), done)
}

// unknownSessionsView is the list of open data sessions that name no SIM.
type unknownSessionsView struct {
	base

	Sessions client.UnknownSessions
}

// unknownSessions lists the open data sessions that name no SIM.
func (v *visit) unknownSessions() error {
	page, err := v.api.ListUnknownSessions(v.ctx(), client.Paging{Limit: 50, Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	return v.show("unknown-sessions", "Unknown sessions", unknownSessionsView{base{v}, page})
}
