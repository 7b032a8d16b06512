// Package client is a typed client of the simtransfer API.
//
// A [Client] holds the address of the service and an API key. It has one
// method per operation of the API, and this package holds the one set of Go
// types for the JSON that these operations send and return. An operation that
// is refused returns a [*Problem]; a service that does not answer, an
// [*UnreachableError].
//
// # Retries
//
// Set [Client.Attempts] above 1 to repeat calls that failed for a reason that
// passes: no answer, 429, 502, 503 or 504. Methods that create or decide
// something then send an Idempotency-Key, so that the service carries the call
// out once even if an answer was lost.
//
// # In-process use
//
// A program that holds the API's [http.Handler] can call it without a network:
// set [http.Client.Transport] of [Client.HTTP] to an [http.RoundTripper] that
// passes requests to the handler. Rights, limits and idempotency are then the
// same as over the network.
package client
