package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"simtransfer/api/problem"
	"simtransfer/api/signin"
	"simtransfer/storage"
)

const invitationPath = "/invitations/"

// addInvitations serves the page on which people accept an invitation. Opening the link
// changes nothing, because programs that check mails open links as well.
func (s *server) addInvitations(mux *http.ServeMux) {
	mux.HandleFunc("GET "+invitationPath+"{secret}", func(w http.ResponseWriter, r *http.Request) {
		i, err := attempt(r.Context(), s, callOf(r.Context()).address, r.PathValue("secret"), func(ctx context.Context) (storage.Invitation, error) {
			return s.db.OpenInvitation(ctx, r.PathValue("secret"))
		})
		if err != nil {
			s.invitationProblem(w, r, err)
			return
		}
		showInvitation(w, http.StatusOK, invitationPage{
			Title: "Invitation", To: invitedTo(i), By: inviter(i), Email: i.Email, Name: i.Name, What: meaning(i), Path: r.URL.EscapedPath(),
		})
	})
	mux.Handle("POST "+invitationPath+"{secret}", s.sameOrigin().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := browserOf(r)
		secret, err := attempt(r.Context(), s, from.Address, r.PathValue("secret"), func(ctx context.Context) (string, error) {
			return s.db.AcceptInvitation(ctx, r.PathValue("secret"), from)
		})
		if err != nil {
			s.invitationProblem(w, r, err)
			return
		}
		s.signedIn(w, r, secret, "/")
	})))
}

func (s *server) invitationProblem(w http.ResponseWriter, r *http.Request, err error) {
	page := invitationPage{}
	status := http.StatusNotFound
	switch {
	case errors.Is(err, storage.ErrNotFound):
		page.Title, page.Problem = "This invitation is not open", "It was accepted or withdrawn already, or seven days have passed. Ask the person who has invited you for a new one. If you have accepted it, sign in."
		s.denied(r.Context(), problem.New(problem.NotFound, ""))
	case errors.Is(err, storage.ErrSignInFirst):
		status = http.StatusForbidden
		page.Title, page.Problem = "Sign in first", "Someone with this address uses the service already. If that is you, sign in, and then open the link of the invitation again."
	case errors.Is(err, storage.ErrPersonDisabled):
		status = http.StatusForbidden
		page.Title, page.Problem = "You cannot sign in", "Your access to this service was turned off. Ask the operator of the service."
	default:
		s.showProblem(w, r, err)
		return
	}
	showInvitation(w, status, page)
}

// invitedTo is where an invitation leads.
func invitedTo(i storage.Invitation) string {
	switch {
	case i.OperatorID == nil:
		return "the staff of this service"
	case i.AccountName != nil:
		return *i.AccountName + " (" + string(*i.OperatorID) + ")"
	}
	return "the account " + string(*i.OperatorID)
}

// inviter is who has invited. An account's people do not learn who of the operator's
// staff it was.
func inviter(i storage.Invitation) string {
	if i.CreatorName != nil && (i.OperatorID == nil || i.Creator != nil) {
		return *i.CreatorName
	}
	return "The operator of this service"
}

// meaning says what someone may do who accepts an invitation.
func meaning(i storage.Invitation) string {
	switch i.Role {
	case storage.RoleSupport:
		return "support: you see every account, and review requests"
	case storage.RoleFinance:
		return "finance: you see what transfers cost, and set fees"
	case storage.RoleAdmin:
		return "administrator: you can do everything that the operator of the service can"
	case storage.RoleAccount:
	}
	switch p := cmp.Or(valueOrZero(i.Permission), storage.PermissionViewer); p {
	case storage.PermissionOperator:
		return "operator: you see everything of the account, request and cancel transfers, and set tags, groups and locks"
	case storage.PermissionApprover:
		return "approver: you also accept and decline requests, and remove locks"
	case storage.PermissionOwner:
		return "owner: you can do everything in the account, and manage its people and keys"
	default:
		return string(p) + ": you see everything of the account, and change nothing"
	}
}

// invitationPage is what the page of an invitation shows.
type invitationPage struct {
	Title   string
	Problem string // why the invitation cannot be accepted; empty: it can

	To, By, Email, Name, What, Path string
}

func showInvitation(w http.ResponseWriter, status int, page invitationPage) {
	sendSignInPage(w, status, invitationHTML, page)
}

const invitationHTML = `{{define "title"}}{{.Title}}{{end}}
{{if .Problem}}
<p>{{.Problem}}</p>
<p><a href="` + signin.Path + `">Sign in</a></p>
{{else}}
<p>{{.By}} invites you, {{.Name}}, to join {{.To}} as {{.What}}.</p>
<p>You accept as {{.Email}}. This browser is signed in afterwards.</p>
<form method="post" action="{{.Path}}"><button>Accept the invitation</button></form>
{{end}}
`
