package sample

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"simtransfer/radius"
	"simtransfer/transfer"
)

// batchHTTPGateway is the number of the gateway without RADIUS of ForBatch.
const batchHTTPGateway = 3

// httpGateway is a program that ends sessions at a gateway without RADIUS, as
// operators write it.
type httpGateway struct {
	gateway *radius.SimulatedGateway // its sessions
	verify  *standardwebhooks.Webhook
	server  *http.Server
	served  chan struct{} // closed when the server has stopped
}

// startHTTPGateway starts the gateway without RADIUS and saves its URL and a new
// secret. The number is that of one of the gateways, or a new one; zero starts none.
func (in *Installation) startHTTPGateway(ctx context.Context, number int) error {
	if number == 0 {
		return nil
	}
	if in.Gateways[number] == nil {
		if err := in.startGateways(ctx, map[int]radius.Behavior{number: {}}); err != nil {
			return err
		}
	}
	secret := make([]byte, transfer.WebhookSecretBytes)
	_, _ = rand.Read(secret) // never fails
	verify, err := standardwebhooks.NewWebhookRaw(secret)
	if err != nil {
		return fmt.Errorf("preparing the verification of signatures: %w", err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening on loopback: %w", err)
	}
	g := &httpGateway{gateway: in.Gateways[number], verify: verify, served: make(chan struct{})}
	g.server = &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(g.served)
		_ = g.server.Serve(listener)
	}()
	in.http = g
	if _, err := in.Stack.DB.Pool().ExecContext(ctx, `
		UPDATE radius.nas SET preset = 'http', server = NULL, url = $2, url_secret = $3 WHERE nasname = $1`,
		GatewayAddress(number), "http://"+listener.Addr().String()+"/disconnect", "whsec_"+base64.StdEncoding.EncodeToString(secret)); err != nil {
		return fmt.Errorf("saving the URL of gateway %d: %w", number, err)
	}
	return nil
}

func (g *httpGateway) close() error {
	err := g.server.Close()
	<-g.served
	return err
}

// ServeHTTP ends the session of a call. It has the behavior of the simulated gateway:
// it can be silent or slow, or give answers that mean nothing.
func (g *httpGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil || g.verify.Verify(body, r.Header) != nil {
		http.Error(w, "the signature is wrong", http.StatusUnauthorized)
		return
	}
	var call transfer.GatewayCall
	if err := json.Unmarshal(body, &call); err != nil || call.Data == nil {
		http.Error(w, "the body is not a call", http.StatusBadRequest)
		return
	}
	if call.Type == transfer.CallTest {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	behavior := g.gateway.Behavior()
	switch {
	case behavior.Silent:
		<-r.Context().Done()
		return
	case behavior.Garbage:
		http.Error(w, "this is no answer", http.StatusInternalServerError)
		return
	case behavior.Forge:
		http.Redirect(w, r, "/somewhere-else", http.StatusTemporaryRedirect)
		return
	}
	status := g.disconnect(*call.Data)
	select {
	case <-time.After(behavior.Delay):
	case <-r.Context().Done():
		return
	}
	if behavior.LoseAnswers {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
}

// disconnect ends a session, and returns the status of the answer.
func (g *httpGateway) disconnect(s transfer.CallSession) int {
	id, err := base64.StdEncoding.DecodeString(s.SessionBase64)
	if err != nil {
		return http.StatusBadRequest
	}
	cause := g.gateway.Disconnect(radius.Session{ID: string(id), Username: s.UserName, CallingStationID: s.CallingStationID, IMSI: s.IMSI, NASIPAddress: s.NASIPAddress})
	switch cause {
	case 0:
		return http.StatusNoContent
	case radius.SessionNotFound:
		return http.StatusNotFound
	default:
		return http.StatusConflict
	}
}
