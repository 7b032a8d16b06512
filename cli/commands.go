package cli

// Commands are what can be done over HTTP.
type Commands struct {
	Login    loginCommand    `cmd:"" help:"Keep where the service is, and an API key."`
	Logout   logoutCommand   `cmd:"" help:"Forget them."`
	Whoami   whoamiCommand   `cmd:"" help:"Show with which key you are logged in."`
	SIMs     simsCommand     `cmd:"" name:"sims" help:"Import, list, show and lock SIMs."`
	Preview  previewCommand  `cmd:"" help:"See what a transfer would come to, without asking for it."`
	Requests requestsCommand `cmd:"" help:"Ask for transfers, decide on them, follow them."`
	Batches  batchesCommand  `cmd:"" help:"Ask for many transfers by a file, and get the results."`
	Events   eventsCommand   `cmd:"" help:"Show what happened: to a request, or to all."`
	Accounts accountsCommand `cmd:"" help:"List, open, change and close accounts."`
	Keys     keysCommand     `cmd:"" help:"Make, list, rotate and revoke API keys."`
	Fees     feesCommand     `cmd:"" help:"See and set what a transfer costs."`
	Plans    plansCommand    `cmd:"" help:"See plans and make them known."`
}
