package console

import (
	"encoding/json"
	"net/http"
	"os"
)

// tryPath is the page of simtransfer dev and demo on which a button signs in.
const tryPath = "/try"

// OneClick is a button that signs in with an API key.
type OneClick struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	Key   string `json:"key"`
}

// tryView is the page with the buttons.
type tryView struct {
	base

	Buttons []OneClick
}

// showTry shows the buttons. The file is read each time, because the keys may be made
// after this process has started.
func (s *console) showTry(w http.ResponseWriter, r *http.Request) {
	setHeaders(w)
	v := s.visitOf(w, r)
	view := tryView{base: base{v}}
	text, err := os.ReadFile(s.OneClick)
	if err == nil {
		err = json.Unmarshal(text, &view.Buttons)
	}
	if err != nil {
		v.sorry(http.StatusServiceUnavailable, "Not ready yet", "The sample data is still being made. Load the page again in a moment.", "")
		return
	}
	if err := v.show("try", "Try it", view); err != nil {
		v.fail(err)
	}
}
