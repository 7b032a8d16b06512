package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"simtransfer/transfer"
	"simtransfer/webhook"
	"simtransfer/webhook/webhooktest"
)

// A library that shares no code with the service verifies a message of every type, also
// while two secrets are valid, and none that is signed with another secret.
func TestLibraryVerifiesEveryType(t *testing.T) {
	t.Parallel()
	library := webhooktest.Start(t)
	sender := webhook.NewSender(webhook.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 10 * time.Second})
	secrets := map[string][]byte{}
	secret := func(letter string) string {
		raw := bytes.Repeat([]byte(letter), 32)
		text := "whsec_" + base64.StdEncoding.EncodeToString(raw)
		secrets[text] = raw
		return text
	}
	old, current, other := secret("o"), secret("n"), secret("x")
	document := newServer(Config{}).register(http.NewServeMux())
	for _, kind := range transfer.MessageTypes() {
		example, err := json.Marshal(document.Webhooks[string(kind)].Post.RequestBody.Content[typeJSON].Example)
		if err != nil {
			t.Fatal(err)
		}
		body := strings.Replace(string(example), "PO-4711", "PO-4711 für Zürich 🚚", 1)
		for _, c := range []struct {
			has    string   // the secret of the receiver
			signed []string // the secrets of the endpoint
			want   int
		}{
			{current, []string{current}, http.StatusNoContent},
			{current, []string{current, old}, http.StatusNoContent},
			{old, []string{current, old}, http.StatusNoContent},
			{old, []string{current}, http.StatusUnauthorized},
			{other, []string{current, old}, http.StatusUnauthorized},
		} {
			m := webhook.Message{URL: library.URL(c.has), ID: "812-4", Body: body}
			for _, text := range c.signed {
				m.Secrets = append(m.Secrets, secrets[text])
			}
			if a, err := sender.Send(t.Context(), m); err != nil || a.Status != c.want {
				t.Errorf("%s, signed with %d secrets: %d %s, %v; want %d", kind, len(c.signed), a.Status, a.Body, err, c.want)
			}
		}
	}
}
