package cli

import (
	"strings"

	"github.com/alecthomas/kong"

	"simtransfer/transfer"
)

// vars returns the variables of the tags of Commands: the values that flags
// accept, separated by commas.
func vars() kong.Vars {
	return kong.Vars{
		"audit_actions":   commaSeparated(transfer.AuditActions()),
		"change_kinds":    commaSeparated(transfer.ChangeKinds()),
		"code_states":     commaSeparated(transfer.CodeStates()),
		"message_types":   commaSeparated(transfer.ChosenMessageTypes(true)),
		"delivery_states": commaSeparated(transfer.DeliveryStates()),
		"mail_states":     commaSeparated(transfer.MailStates()),
		"mail_kinds":      commaSeparated(transfer.MailKinds()),
		"mail_choices":    commaSeparated(transfer.ChosenMailKinds()),
		"decision_codes":  commaSeparated(transfer.DecisionCodes()),
		"methods":         commaSeparated(transfer.Methods()),
		"pull_states":     commaSeparated(transfer.PullStates()),
		"reasons":         commaSeparated(transfer.Reasons()),
		"request_states":  commaSeparated(transfer.RequestStates()),
		"states":          commaSeparated(transfer.States()),
		"statuses":        commaSeparated(transfer.Statuses()),
	}
}

func commaSeparated[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ",")
}

// Commands are the commands that call the API over HTTP.
type Commands struct {
	Login       loginCommand       `cmd:"" help:"Save the service URL and API key."`
	Logout      logoutCommand      `cmd:"" help:"Remove the saved service URL and API key."`
	Profiles    profilesCommand    `cmd:"" help:"List the saved service URLs and API keys."`
	Whoami      whoamiCommand      `cmd:"" help:"Show the API key in use."`
	SIMs        simsCommand        `cmd:"" name:"sims" help:"Import, list, show and lock SIMs."`
	Preview     previewCommand     `cmd:"" help:"Show the expected outcome of a transfer, without creating a request."`
	Requests    requestsCommand    `cmd:"" help:"Create, decide on and follow transfer requests."`
	Pulls       pullsCommand       `cmd:"" help:"Ask for SIMs of others, and answer those who ask for yours."`
	Codes       codesCommand       `cmd:"" help:"Transfer SIMs to an account that redeems a code."`
	Batches     batchesCommand     `cmd:"" help:"Create transfer requests from a file and download their results."`
	Export      exportCommand      `cmd:"" help:"Export the inventory, registrations, transfers and charges."`
	Events      eventsCommand      `cmd:"" help:"Show the events of one request or of all requests."`
	Changes     changesCommand     `cmd:"" help:"Show the changes of SIMs, for other systems to follow."`
	Audit       auditCommand       `cmd:"" help:"Show the audit trail: who did what outside of transfer requests."`
	Accounts    accountsCommand    `cmd:"" help:"List, open, change and close accounts."`
	Keys        keysCommand        `cmd:"" help:"Create, list, rotate and revoke API keys."`
	People      peopleCommand      `cmd:"" help:"Invite, list, change and remove people."`
	Invitations invitationsCommand `cmd:"" help:"List and revoke invitations."`
	SignIns     signInsCommand     `cmd:"" help:"List browsers that have signed in, and sign them out."`
	Fees        feesCommand        `cmd:"" help:"Show and set the fee schedule."`
	Plans       plansCommand       `cmd:"" help:"List, create and change plans."`
	Mails       mailsCommand       `cmd:"" help:"Show which mails were sent to contacts, and turn kinds of mail off and on."`
	Webhooks    webhooksCommand    `cmd:"" help:"Send messages about requests to programs of yours."`
	Gateways    gatewaysCommand    `cmd:"" help:"List, set, remove and probe the gateways that end data sessions."`
}
