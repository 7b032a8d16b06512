package radius

import "testing"

func TestZeroResultSaysNothing(t *testing.T) {
	t.Parallel()
	if (Result{}).Gone() || (Result{}).String() != "not attempted" {
		t.Errorf("got %q", Result{})
	}
}

func TestOutcomeIsALabel(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[Outcome]string{
		Dropped: "dropped", NotFound: "not_found", Refused: "refused", Silent: "silent", 0: "unknown",
	} {
		if got := outcome.String(); got != want {
			t.Errorf("%d: got %q, want %q", int(outcome), got, want)
		}
	}
}

// The numbers and names are those of RFC 5176, section 3.5, and RFC 3576
// before it.
func TestCausesInWords(t *testing.T) {
	t.Parallel()
	for cause, want := range map[Cause]string{
		0:   "no cause given",
		1:   "1 unknown cause",
		201: "201 residual session context removed",
		202: "202 invalid EAP packet",
		401: "401 unsupported attribute",
		402: "402 missing attribute",
		403: "403 NAS identification mismatch",
		404: "404 invalid request",
		405: "405 unsupported service",
		406: "406 unsupported extension",
		407: "407 invalid attribute value",
		501: "501 administratively prohibited",
		502: "502 request not routable",
		503: "503 session context not found",
		504: "504 session context not removable",
		505: "505 other proxy processing error",
		506: "506 resources unavailable",
		507: "507 request initiated",
		508: "508 multiple session selection unsupported",
	} {
		if got := cause.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
