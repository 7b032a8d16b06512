// Package radius ends data sessions at packet gateways (PGW, GGSN, NAS) with
// RADIUS Disconnect-Requests, as RFC 5176 ("Dynamic Authorization Extensions
// to RADIUS") describes them, and simulates such a gateway for demonstrations
// and tests.
//
// A [Client] asks a [Gateway] to drop a [Session] and returns a [Result]: the
// session is gone (acknowledged, or not known there any more), the gateway
// refuses, or no authentic answer arrived in time. A [SimulatedGateway]
// speaks the same protocol on a real UDP socket.
package radius
