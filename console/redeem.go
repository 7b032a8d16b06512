package console

import (
	"errors"

	"simtransfer/api/problem"
	"simtransfer/client"
)

// redeemView is the page on which a transfer code is redeemed.
type redeemView struct {
	base

	Code string // that the address has: a link in a QR code
}

func (v *visit) showRedeem() error {
	return v.show("redeem", "Redeem a transfer code", redeemView{base{v}, v.r.URL.Query().Get("code")})
}

// redeem makes a request of a transfer code.
func (v *visit) redeem() error {
	f := v.posted("redeem")
	made, err := v.api.RedeemTransferCode(v.ctx(), client.RedeemCode{Code: f.Value("code")}, f.Option())
	if err != nil {
		return v.refused(f, err, v.showRedeem)
	}
	return v.redirect("/redeemed/"+made.Request.String(), "")
}

// redeemedView is the page of a code that was redeemed, until its request can be
// accepted.
type redeemedView struct {
	base

	Ready bool
}

// redeemed waits until the request of a code can be accepted.
func (v *visit) redeemed() error {
	id, err := v.requestID()
	if err != nil {
		return err
	}
	_, err = v.api.GetRequest(v.ctx(), id)
	var p *client.Problem
	switch {
	case err == nil:
		return v.redirect("/requests/"+id.String(), "The code was redeemed. Now accept the SIMs.")
	case errors.As(err, &p) && p.Code == problem.NotFound:
		return v.show("redeemed", "Code redeemed", redeemedView{base: base{v}})
	}
	return err
}
