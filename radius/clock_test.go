package radius

import (
	"testing"
	"time"
)

// The caller can set the time of a request, for a machine whose clock is wrong.
func TestTimeOfARequest(t *testing.T) {
	t.Parallel()
	g, err := SimulateGateway("127.0.0.1:0", []byte("secret"), Behavior{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	for _, test := range []struct {
		at      time.Time
		outcome Outcome
	}{
		{time.Time{}, Dropped},
		{time.Now().Add(time.Minute), Dropped},
		{time.Now().Add(time.Hour), Silent},
		{time.Now().Add(-time.Hour), Silent},
	} {
		s := Session{ID: "1", At: test.at}
		g.Start(s)
		result, err := hasty().Disconnect(t.Context(), g.Gateway(), s)
		if err != nil || result.Outcome != test.outcome {
			t.Errorf("a request made at %s: %s, %v; want %s", test.at, result, err, test.outcome)
		}
	}
}
