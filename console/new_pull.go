package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"simtransfer/client"
)

// newPullView is the form with which an account asks for SIMs of others.
type newPullView struct{ base }

// showNewPull shows the form.
func (v *visit) showNewPull() error {
	return v.show("new-pull", "Ask for SIMs", newPullView{base{v}})
}

// newPull asks for SIMs.
func (v *visit) newPull() error {
	f := v.posted("pull")
	entries, field, err := v.listedEntries(form{values: map[string][]string{"paste": {f.Value("iccids")}}})
	var wrong *listError
	switch {
	case errors.As(err, &wrong):
		return v.wrong(f, v.showNewPull, strings.Replace(field, "paste", "iccids", 1), wrong.text)
	case err != nil:
		return err
	case len(entries) == 0:
		return v.wrong(f, v.showNewPull, "iccids", "give the ICCIDs of the SIMs")
	}
	n := client.NewPullRequest{ICCIDs: texts(entries), Reference: f.Value("reference"), Message: f.Value("message")}
	if seconds := f.Value("answer_seconds"); seconds != "" {
		if n.AnswerSeconds, err = strconv.ParseInt(seconds, 10, 64); err != nil {
			return v.wrong(f, v.showNewPull, "answer_seconds", "choose one of the times")
		}
	}
	made, err := v.api.CreatePullRequest(v.ctx(), n, f.Option())
	if err != nil {
		locate(err, "body.iccids", entries)
		return v.refused(f, err, v.showNewPull)
	}
	return v.redirect("/pulls/"+made.ID.String(), "The owners of the SIMs were asked. The SIMs that they agree to send appear in your inbox.")
}

// Periods lists the times to answer.
func (n newPullView) Periods() []choice {
	return []choice{
		{"", "The default of the service"}, {"14400", "4 hours"}, {"86400", "1 day"}, {"259200", "3 days"}, {"604800", "7 days"}, {"2592000", "30 days"},
	}
}

// locate names lines of a text in the errors of a refusal, where the API names places
// in a list.
func locate(err error, field string, entries []listEntry) {
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity {
		return
	}
	for i, e := range p.Errors {
		place, ok := strings.CutPrefix(e.Location, field+"[")
		n, err := strconv.Atoi(strings.TrimSuffix(place, "]"))
		if !ok || err != nil || n >= len(entries) {
			continue
		}
		p.Errors[i].Message = "line " + strconv.Itoa(entries[n].Line) + ": " + e.Message
	}
}
