// Package radius ends data sessions at packet gateways (PGW, GGSN, NAS) with
// RADIUS Disconnect-Requests, as RFC 5176 ("Dynamic Authorization Extensions
// to RADIUS") describes them, and simulates such a gateway for demonstrations
// and tests.
//
// A [Client] asks a [Gateway] to drop a [Session] and returns a [Result]: the
// session is gone (the gateway ended it, or has no such session), the gateway
// refused, or no authentic answer came in time. A [SimulatedGateway] speaks the
// same protocol on a real UDP socket.
//
// Start with client.go, which sends a request and waits for the answer. Then
// request.go builds the request, answer.go reads the answer, authenticity.go
// signs and verifies both, and result.go names the outcomes. The files
// gateway*.go are the simulated gateway.
package radius
