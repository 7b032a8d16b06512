package console

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

// changeView is the page on which a person confirms one change of many SIMs.
type changeView struct {
	base

	Do     string // lock, unlock, tags or group
	Picks  picks
	Result *client.BulkChange // of a dry run; nil: the change is not known yet
	Count  int                // SIMs that are picked
	Back   string             // the address of the SIMs
}

// change shows what a change would do to the SIMs of an address.
func (v *visit) change() error {
	p, err := picksOf(v.r.URL.Query())
	if err != nil {
		return &refusedPage{err.Error()}
	}
	return v.showChange(v.r.URL.Query().Get("do"), p)
}

// showChange shows what a change would do to SIMs, by a dry run if it is known what
// will be set, and otherwise how many they are.
func (v *visit) showChange(act string, p picks) error {
	if p.Empty() {
		return v.warn("/sims", "Nothing was picked: tick the SIMs first, or “all that match”.")
	}
	view := changeView{base: base{v}, Do: act, Picks: p, Back: simsPath(p.Account, queryOf(p.Filter))}
	if why := v.whyNot(act); why != "" {
		return &forbiddenPage{"You cannot change these SIMs: " + why + "."}
	}
	f := v.form("change")
	settings, known := bulkSettings(act, f)
	if act == "tags" || act == "group" {
		known = known && f.Sent()
	}
	if !known {
		n, err := v.countPicks(p)
		if err != nil {
			return err
		}
		view.Count = n
		return v.show("sims-change", view.Heading(), view)
	}
	change := p.bulkChange(settings)
	change.DryRun = true
	result, err := v.api.ChangeSIMs(v.ctx(), change)
	if err != nil {
		return err
	}
	view.Result, view.Count = &result, result.Selected
	return v.show("sims-change", view.Heading(), view)
}

// countPicks asks the API how many SIMs are picked.
func (v *visit) countPicks(p picks) (int, error) {
	if len(p.List) > 0 {
		checked, err := v.checkList(p.Account, kept(p.List), 0)
		if err != nil {
			return 0, err
		}
		return checked.Selected, nil
	}
	n, err := v.api.CountSIMs(v.ctx(), p.filterOf(), 0)
	return n.Count, err
}

// bulkChange is the change of the picked SIMs.
func (p picks) bulkChange(settings client.BulkSettings) client.NewBulkChange {
	c := client.NewBulkChange{Change: settings}
	if len(p.List) > 0 {
		c.SIMs = p.List
	} else {
		c.Filter = &client.SIMSelection{Account: transfer.OperatorID(p.Account), SIMConditions: p.Filter}
	}
	return c
}

// bulkSettings returns what a form sets. It is false if the form sets nothing.
func bulkSettings(act string, f form) (client.BulkSettings, bool) {
	var c client.BulkSettings
	switch act {
	case "lock", "unlock":
		c.TransferLock = new(act == "lock")
		return c, true
	case "group":
		c.Group = new(f.Value("group"))
		return c, c.Group != nil && (*c.Group != "" || f.Value("none") != "")
	case "tags":
		c.Tags = map[string]*string{}
		names, values := f.Values("tag_name"), f.Values("tag_value")
		for i, name := range names {
			if name = strings.TrimSpace(name); name != "" && i < len(values) {
				c.Tags[name] = new(strings.TrimSpace(values[i]))
			}
		}
		for name := range strings.SplitSeq(f.Value("remove"), ",") {
			if name = strings.TrimSpace(name); name != "" {
				c.Tags[name] = nil
			}
		}
		return c, len(c.Tags) > 0
	}
	return c, false
}

// changeSIMs makes the change that was confirmed.
func (v *visit) changeSIMs() error {
	p, err := picksOf(v.r.PostForm)
	if err != nil {
		return &refusedPage{err.Error()}
	}
	f := v.posted("change")
	act := f.Value("do")
	show := func() error { return v.showChangeAgain(act, p) }
	settings, known := bulkSettings(act, f)
	if !known {
		field := map[string]string{"tags": "tag_name", "group": "group"}[act]
		return v.wrong(f, show, field, "say what to set or to remove")
	}
	expect, err := numberIn(f.Value("expect"))
	if err != nil {
		return v.wrong(f, show, "expect", "the page does not say how many SIMs it is about: open it again")
	}
	change := p.bulkChange(settings)
	change.ExpectCount, change.SkipRefused, change.Reason = &expect, f.Value("skip") != "", f.Value("reason")
	result, err := v.api.ChangeSIMs(v.ctx(), change, f.Option())
	if err != nil {
		return v.refused(f, err, show)
	}
	done := map[string]string{"lock": " locked.", "unlock": " unlocked.", "tags": " have their new tags.", "group": " are in the group " + f.Value("group") + "."}[act]
	if act == "group" && f.Value("group") == "" {
		done = " are in no group."
	}
	text := plural(result.Changed, "SIM") + done
	if result.Unchanged > 0 {
		text += " " + plural(result.Unchanged, "SIM") + " had it so already."
	}
	return v.redirect(simsPath(p.Account, queryOf(p.Filter)), text)
}

// showChangeAgain shows the page after a refusal, with the number of SIMs as it is now.
func (v *visit) showChangeAgain(act string, p picks) error {
	view := changeView{base: base{v}, Do: act, Picks: p, Back: simsPath(p.Account, queryOf(p.Filter))}
	var err error
	if view.Count, err = v.countPicks(p); err != nil {
		return err
	}
	return v.show("sims-change", view.Heading(), view)
}

// Heading says what the page does.
func (c changeView) Heading() string {
	n := plural(c.Count, "SIM")
	switch c.Do {
	case "lock":
		return "Lock " + n
	case "unlock":
		return "Unlock " + n
	case "tags":
		return "Tags of " + n
	case "group":
		return "Group of " + n
	}
	return "Change " + n
}

// Button says what sending the form does.
func (c changeView) Button() string {
	n := c.Count
	if c.Result != nil {
		n = c.Result.Changed
	}
	sims := plural(n, "SIM")
	switch c.Do {
	case "lock":
		return "Lock " + sims
	case "unlock":
		return "Unlock " + sims
	case "tags":
		return "Set the tags of " + sims
	}
	return "Set the group of " + sims
}

// TagRows are the rows of the form for tags: those that were typed, and empty ones.
func (c changeView) TagRows() []hiddenField {
	f := c.Form("change")
	var rows []hiddenField
	values := f.Values("tag_value")
	for i, name := range f.Values("tag_name") {
		if name != "" && i < len(values) {
			rows = append(rows, hiddenField{name, values[i]})
		}
	}
	for len(rows) < 3 {
		rows = append(rows, hiddenField{})
	}
	return rows
}

// Command returns the change as texts.
func (c changeView) Command() program {
	settings, known := bulkSettings(c.Do, c.Form("change"))
	if !known {
		settings = client.BulkSettings{}
	}
	change := c.Picks.bulkChange(settings)
	if len(change.SIMs) > 20 {
		change.SIMs = append(change.SIMs[:20:20], "…")
	}
	change.ExpectCount = &c.Count
	body, err := json.Marshal(change)
	if err != nil {
		return program{}
	}
	return c.Program("POST", "/v1/sims/changes", string(body), c.commandLine(settings))
}

// commandLine returns the change as arguments of the command line. What is not typed yet
// becomes a word in capitals.
func (c changeView) commandLine(settings client.BulkSettings) string {
	words := []string{"sims change"}
	if len(c.Picks.List) > 0 {
		words = append(words, c.Picks.command())
	}
	for _, chip := range c.Picks.Conditions() {
		words = append(words, "--filter="+shellWord(strings.ReplaceAll(chip.Name, "_", "-")+"="+chip.Value))
	}
	switch c.Do {
	case "lock":
		words = append(words, "--set=lock=true")
	case "unlock":
		words = append(words, "--set=lock=false")
	case "group":
		name := "NAME"
		if settings.Group != nil {
			name = *settings.Group
		}
		words = append(words, "--set="+shellWord("group="+name))
	case "tags":
		for _, name := range slices.Sorted(maps.Keys(settings.Tags)) {
			if value := settings.Tags[name]; value != nil {
				words = append(words, "--set="+shellWord("tag="+name+"="+*value))
			} else {
				words = append(words, "--set="+shellWord("untag="+name))
			}
		}
		if len(settings.Tags) == 0 {
			words = append(words, "--set=tag=NAME=VALUE", "--set=untag=NAME")
		}
	}
	return strings.Join(append(words, "--expect-count="+strconv.Itoa(c.Count)), " ")
}

// numberIn reads a number that may be written with commas or spaces.
func numberIn(text string) (int, error) {
	return strconv.Atoi(strings.NewReplacer(",", "", " ", "", "\u00a0", "", "'", "", ".", "").Replace(text))
}
