package console

import (
	"encoding/base64"
	"html/template"
	"strconv"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// codeOf returns the transfer code that the form of a new transfer asks for.
func codeOf(r client.NewRequest, f form) client.NewTransferCode {
	n := client.NewTransferCode{
		SIMs: r.SIMs, Filter: r.Filter, AllSIMs: r.AllSIMs, ExpectCount: r.ExpectCount, SelfServiceOnly: r.SelfServiceOnly,
		AcceptanceSeconds: r.AcceptanceSeconds, Reference: r.Reference, Message: r.Message,
	}
	if seconds, err := strconv.ParseInt(f.Value("valid_seconds"), 10, 64); err == nil {
		n.ValidSeconds = seconds
	}
	return n
}

// codeView is the page of a transfer code.
type codeView struct {
	base

	Code client.TransferCode
}

// createCode makes a transfer code and shows it. The code is in the answer to the form,
// because it cannot be read again.
func (v *visit) createCode(_ transferView, r client.NewRequest, f form, again func() error) error {
	made, err := v.api.CreateTransferCode(v.ctx(), codeOf(r, f), f.Option())
	if err != nil {
		return v.refused(f, err, again)
	}
	v.w.Header().Set("Cache-Control", "no-store")
	return v.show("code", "Transfer code", codeView{base{v}, made})
}

// code shows a transfer code, without the code itself.
func (v *visit) code() error {
	id, err := uuid.Parse(v.r.PathValue("id"))
	if err != nil {
		return notFoundProblem()
	}
	c, err := v.api.GetTransferCode(v.ctx(), id)
	if err != nil {
		return err
	}
	return v.show("code", "Transfer code", codeView{base{v}, c})
}

// revokeCode ends a transfer code.
func (v *visit) revokeCode() error {
	id, err := uuid.Parse(v.r.PathValue("id"))
	if err != nil {
		return notFoundProblem()
	}
	if err := v.api.RevokeTransferCode(v.ctx(), id); err != nil {
		return v.refused(v.posted("revoke"), err, v.code)
	}
	return v.redirect("/codes/"+id.String(), "The code was revoked: no one can redeem it.")
}

// codesView is the list of transfer codes.
type codesView struct {
	base

	Codes []client.TransferCode
	Next  string
}

// codes lists the transfer codes that the account has made.
func (v *visit) codes() error {
	page, err := v.api.ListTransferCodes(v.ctx(), client.CodeFilter{}, client.Paging{Limit: 50, Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	return v.show("codes", "Transfer codes", codesView{base{v}, page.Items, page.NextCursor})
}

// Picture returns the QR code as the address of a picture.
func (c codeView) Picture() template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(c.Code.QR.PNG)) //nolint:gosec // base64 of the service's own picture
}

// Open reports whether the code can be redeemed.
func (c codeView) Open() bool { return c.Code.State == transfer.CodeOpen }
