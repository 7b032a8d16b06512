package console

import (
	"html/template"

	"simtransfer/client"
	"simtransfer/transfer"
)

// accountNames are what the accounts of a page are called, for staff: an account does not
// learn the names of others, except in what they send to it. The first rendering of a page
// notes which accounts it shows, so that one call reads the names of all of them.
type accountNames struct {
	known  map[transfer.OperatorID]client.AccountName // has an entry for each that was read
	wanted []transfer.OperatorID
}

// nameOf returns the name of an account; empty if it has none, or if it is not known yet.
func (v *visit) nameOf(id transfer.OperatorID) string {
	if a := v.me.ActingFor; id == "" || a == nil {
		return ""
	} else if v.me.IsAccount() {
		if id == v.me.Account() {
			return a.AccountName
		}
		return ""
	}
	a, known := v.names.known[id]
	if !known {
		if v.names.known == nil {
			v.names.known = map[transfer.OperatorID]client.AccountName{}
		}
		v.names.known[id] = client.AccountName{OperatorID: id}
		v.names.wanted = append(v.names.wanted, id)
	}
	return a.Name
}

// learnNames reads the names that the page lacks, and reports whether there are any. A
// page without them is still of use.
func (v *visit) learnNames() bool {
	learned := false
	for wanted := v.names.wanted; len(wanted) > 0; {
		n := min(len(wanted), client.MaxAccountNames)
		list, err := v.api.ListAccountNames(v.ctx(), wanted[:n])
		if err != nil {
			v.Log.WarnContext(v.ctx(), "the names of accounts cannot be read", "error", err)
			break
		}
		for _, a := range list {
			v.names.known[a.OperatorID] = a
			learned = learned || a.Name != ""
		}
		wanted = wanted[n:]
	}
	v.names.wanted = nil
	return learned
}

// named is nameOf with the operator id, for a sentence.
func (v *visit) named(id transfer.OperatorID) string {
	if name := v.nameOf(id); name != "" {
		return name + " (" + string(id) + ")"
	}
	return string(id)
}

// Named shows an account: its name, if the reader may know it, and its operator id.
func (b base) Named(id transfer.OperatorID) template.HTML {
	text, name := template.HTMLEscapeString(string(id)), b.visit.nameOf(id)
	if name == "" {
		return template.HTML(`<span class="nowrap">` + text + `</span>`) //nolint:gosec // escaped above
	}
	return template.HTML(`<span class="break">` + template.HTMLEscapeString(name) + ` <span class="nowrap quiet">` + text + `</span></span>`) //nolint:gosec // escaped above
}

// NamedText is Named for a text that can be an operator id.
func (b base) NamedText(text string) template.HTML {
	if id, err := transfer.ParseOperatorID(text); err == nil {
		return b.Named(id)
	}
	return template.HTML(template.HTMLEscapeString(text)) //nolint:gosec // escaped
}

// NameOf returns the name of an account; empty if the reader does not know one.
func (b base) NameOf(id transfer.OperatorID) string { return b.visit.nameOf(id) }

// Called returns the name of an account or, if the reader does not know one, its operator
// id.
func (b base) Called(id transfer.OperatorID) string {
	if name := b.visit.nameOf(id); name != "" {
		return name
	}
	return string(id)
}
