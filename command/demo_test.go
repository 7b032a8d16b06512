package command

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"simtransfer/command/commandtest"
	"simtransfer/dev/demo"
)

// The demo must show every outcome, and report what its sample data predicts.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ok, err := demo.Run(t.Context(), demo.Options{
		SIMs:     400,
		Env:      []string{commandtest.Env},
		JSON:     true,
		Out:      &out,
		Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Errorf("the results are not those that the sample data predicts:\n%s", out.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var last map[string]float64
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatalf("the last line is not a JSON object: %v", err)
	}
	outcomes := 0.0
	for _, name := range []string{"completed", "ineligible", "canceled", "declined", "expired", "failed"} {
		if last[name] == 0 {
			t.Errorf("no SIM is %s", name)
		}
		outcomes += last[name]
	}
	if outcomes != last["sims"] {
		t.Errorf("%v outcomes for %v SIMs", outcomes, last["sims"])
	}
	for _, name := range []string{"sessions_dropped", "charges", "seconds", "sims_per_second"} {
		if last[name] <= 0 {
			t.Errorf("%s is %v", name, last[name])
		}
	}
	if violations, reported := last["violations"]; !reported || violations != 0 {
		t.Errorf("violations: %v, reported: %v", violations, reported)
	}
}
