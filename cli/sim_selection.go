package cli

import "simtransfer/client"

// simSelection is embedded in the commands that select SIMs of an account: by a
// list, by conditions, or all of them.
type simSelection struct {
	SIMs []string `arg:"" optional:"" name:"sim" help:"ICCIDs, IMSIs or MSISDNs; EIDs, for the SIMs on them; or ranges of ICCIDs such as 8988211000000000011-8988211000000000099, for the account's SIMs in them. Up to 100,000 in all."`
	File string   `placeholder:"FILE" predictor:"file" help:"Read SIMs from a file, one per line, as they could be named here; - is standard input."`
	simConditions
	AllSIMs     bool `name:"all-sims" help:"All SIMs of the account."`
	ExpectCount *int `aliases:"expect" min:"0" placeholder:"N" help:"Number of SIMs that you expect to be selected. If it is another number, nothing is created. The preview shows it."`
}

// read reads the list of SIMs, and returns it with the conditions, which are nil if
// none are given. It is an error unless the SIMs are selected in one way.
func (c simSelection) read(s *Session) (simList, *client.SIMConditions, error) {
	sims, err := readSIMList(s, c.SIMs, c.File)
	if err != nil {
		return sims, nil, err
	}
	var filter *client.SIMConditions
	if c.given() {
		conditions := c.conditions()
		filter = &conditions
	}
	switch {
	case len(sims.names) == 0 && filter == nil && !c.AllSIMs:
		return sims, nil, usageError("no SIMs: name them, set --file, or select them with flags such as --lot or --all-sims")
	case len(sims.names) > 0 && (filter != nil || c.AllSIMs):
		return sims, nil, usageError("the SIMs are both listed and selected by flags: do one of the two")
	case filter != nil && c.AllSIMs:
		return sims, nil, usageError("--all-sims selects all SIMs: leave out the other conditions")
	}
	return sims, filter, nil
}
