package cli_test

import (
	"net/http"
	"testing"

	"simtransfer/cli"
)

func TestFormatOfAFileName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"rows.csv": "text/csv", "ROWS.CSV": "text/csv", "rows.csv.gz": "text/csv", "rows.tsv": "text/csv", "rows.tsv.GZ": "text/csv",
		"rows.ndjson": "application/x-ndjson", "rows.jsonl.gz": "application/x-ndjson", "rows.json": "application/json", "rows.json.gz": "application/json",
		"rows": "", "rows.gz": "", "rows.txt": "", "rows.xlsx": "",
	} {
		got := ""
		c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Get("Content-Type")
			problem(w, http.StatusUnprocessableEntity, "invalid")
		})
		code := c.run("batches", "submit", writeFile(t, name, "sim"))
		if got != want || want == "" && code != cli.ExitUsage {
			t.Errorf("%s: sent as %q, exit code %d: %s", name, got, code, c.err.String())
		}
	}
}
