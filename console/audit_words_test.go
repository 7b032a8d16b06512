package console

import (
	"testing"

	"simtransfer/transfer"
)

// Every action of the audit trail has words of its own.
func TestActionTexts(t *testing.T) {
	t.Parallel()
	texts := actionTexts()
	seen := map[string]transfer.AuditAction{}
	for _, a := range transfer.AuditActions() {
		text := texts[a]
		if other, taken := seen[text]; taken || text == "" {
			t.Errorf("%s is called %q, as is %s", a, text, other)
		}
		seen[text] = a
		delete(texts, a)
	}
	for a := range texts {
		t.Errorf("there is no action %s", a)
	}
	if got := actionText("card.cut_off"); got != "Card: cut off" {
		t.Errorf("an unknown action is %q", got)
	}
}
