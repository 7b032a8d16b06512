package docs_test

import "testing"

//go:generate env UPDATE_PAGES=1 go test -count=1 -run ^TestRequestsPage$ .

// TestRequestsPage runs the commands of docs/requests.md, as TestCommandLinePage
// does.
func TestRequestsPage(t *testing.T) {
	t.Parallel()
	stack, sh := startStack(t, "SIMTRANSFER_ALLOW_ACCEPT_ON_BEHALF=true") // for the section about it
	runPage(t, "../../docs/requests.md", sh, names{serviceAddress: stack.Admin.URL})
}
