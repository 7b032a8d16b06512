package cli_test

import (
	"io"
	"net/http"
	"testing"
)

// Changes as NDJSON are written as the service sends them, answer after answer,
// and lines that are missing are an error.
func TestChangesAsRows(t *testing.T) {
	t.Parallel()
	const first, second = `{"cursor":"1-1"}` + "\n", `{"cursor":"2-1"}` + "\n"
	rows := "1"
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Simtransfer-Rows", rows)
		if r.URL.Query().Get("cursor") == "" {
			w.Header().Set("Simtransfer-Next-Cursor", "2-0")
			w.Header().Set("Simtransfer-More", "true")
			_, _ = io.WriteString(w, first)
			return
		}
		w.Header().Set("Simtransfer-Next-Cursor", "3-0")
		_, _ = io.WriteString(w, second)
	})
	c.is(c.run("changes", "--format=ndjson", "--all"), 0, "--cursor=3-0")
	c.prints(first + second)
	c.is(c.run("changes", "--format=ndjson", "--limit=1"), 0, "--cursor=2-0")
	c.prints(first)
	rows = "2"
	c.is(c.run("changes", "--format=ndjson", "--all"), 6, "the changes are incomplete", "1 of 2 rows", "the last complete line")
}

func TestChangesTable(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[
			{"cursor":"1-1","at":"2030-01-31T12:00:00Z","kind":"transferred","iccid":"1","imsis":[],"msisdns":[],"from":{"account":"OP0000000001"},"to":{"account":"OP0000000002"},"ticket":"T-1"},
			{"cursor":"2-1","at":"2030-01-31T12:00:01Z","kind":"status_changed","iccid":"2","imsis":[],"msisdns":[],"to":{"account":"OP0000000001"},"status":{"from":"ready","to":"active"}},
			{"cursor":"3-1","at":"2030-01-31T12:00:02Z","kind":"identifiers_changed","iccid":"3","imsis":[],"msisdns":[],"to":{"account":"OP0000000001"},
			 "identifiers":{"from":{"iccid":"3","imsis":["4"],"msisdns":[],"eid":null,"external_id":null},"to":{"iccid":"3","imsis":["4"],"msisdns":["5"],"eid":null,"external_id":null}}},
			{"cursor":"4-1","at":"2030-01-31T12:00:03Z","kind":"swapped","iccid":"6","imsis":[],"msisdns":[],"to":{"account":"OP0000000001"},"replaces":"7"},
			{"cursor":"5-1","at":"2030-01-31T12:00:04Z","kind":"created","sim_id":8,"iccid":"8","imsis":[],"msisdns":[],"to":{"account":"OP0000000001"},"status":{"to":"ready"},"plan":{"to":"basic"}}
		],"next_cursor":"5-0","more":false}`)
	})
	c.is(c.run("changes"), 0, "--cursor=5-0")
	c.prints(`TIME                  CHANGE               ICCID  FROM          TO            DETAIL
2030-01-31 12:00:00Z  transferred          1      OP0000000001  OP0000000002  ticket=T-1
2030-01-31 12:00:01Z  status_changed       2      -             OP0000000001  status=ready→active
2030-01-31 12:00:02Z  identifiers_changed  3      -             OP0000000001  msisdns=→5
2030-01-31 12:00:03Z  swapped              6      -             OP0000000001  replaces=7
2030-01-31 12:00:04Z  created              8      -             OP0000000001  status=ready plan=basic
`)
}
