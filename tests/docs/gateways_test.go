package docs_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"simtransfer/transfer"
)

// The table of gateways on the page is that of the presets. UPDATE_PAGES=1 writes
// it.
func TestGatewayPresets(t *testing.T) {
	t.Parallel()
	const page = "../../docs/gateways.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "-run TestGatewayPresets -->\n", "<!-- end of presets -->"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the page has no place for the presets")
	}
	want := before + begin + presetTable() + end + after
	if want == string(text) {
		return
	}
	if os.Getenv("UPDATE_PAGES") == "" {
		t.Fatal("the table of presets is out of date: run UPDATE_PAGES=1 go test ./tests/docs -run TestGatewayPresets")
	}
	if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

func presetTable() string {
	var b strings.Builder
	b.WriteString("| preset | gateway | port | attributes | observe | source |\n|---|---|---|---|---|---|\n")
	for _, p := range transfer.GatewayPresets() {
		rules := p.Rules()
		port, attributes := fmt.Sprint(rules.Port), make([]string, len(rules.Attributes))
		for i, a := range rules.Attributes {
			attributes[i] = string(a)
		}
		list := strings.Join(attributes, ", ")
		if rules.HTTP {
			port, list = "-", "a call by HTTP: see [below](#a-gateway-without-radius)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", p, rules.Title, port, list, rules.Note, rules.Source)
	}
	return b.String()
}
