package console

import (
	"net/url"

	"simtransfer/client"
	"simtransfer/transfer"
)

// Statuses returns the statuses that a SIM can be given. Support cannot make a SIM ready
// again, nor change a terminated one; administrators correct that, with a reason.
func (l simLifeView) Statuses() []choice {
	var list []choice
	for _, s := range transfer.Statuses() {
		if s != l.SIM.Status {
			list = append(list, choice{string(s), words(s)})
		}
	}
	return list
}

// simAct handles a form of the page with the life of a SIM.
func (v *visit) simAct(name, done string, call func(f form, sim string) error) error {
	sim := v.r.PathValue("sim")
	f := v.posted(name)
	if err := call(f, sim); err != nil {
		return v.refused(f, err, v.simLife)
	}
	return v.redirect("/support/sims/"+url.PathEscape(sim), done)
}

// setSIMStatus sets the status of a SIM, or corrects it against the rules.
func (v *visit) setSIMStatus() error {
	return v.simAct("status", "The status is set.", func(f form, sim string) error {
		status := transfer.Status(f.Value("status"))
		if f.Has("against_rules", "yes") {
			_, err := v.api.CorrectSIMStatus(v.ctx(), sim, client.StatusCorrection{Status: status, Reason: f.Value("reason")}, f.Option())
			return err
		}
		_, err := v.api.UpdateSIM(v.ctx(), sim, client.SIMChange{Status: &status})
		return err
	})
}

// swapCard replaces the card by a new one.
func (v *visit) swapCard() error {
	return v.simAct("swap", "The new card has taken over. This one is terminated.", func(f form, sim string) error {
		_, err := v.api.SwapSIM(v.ctx(), sim, client.Swap{ICCID: f.Value("iccid"), IMSIs: listed(f.Value("imsis")), EID: f.Value("eid"), Reason: f.Value("reason")}, f.Option())
		return err
	})
}

// correctOwner registers the SIM to another account without a transfer.
func (v *visit) correctOwner() error {
	return v.simAct("owner", "The owner is corrected.", func(f form, sim string) error {
		_, err := v.api.CorrectSIMOwner(v.ctx(), sim, client.OwnerCorrection{
			Account: transfer.OperatorID(f.Value("account")), Reason: f.Value("reason"), Ticket: f.Value("ticket"),
		}, f.Option())
		return err
	})
}
