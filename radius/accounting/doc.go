// Package accounting is an accounting server of RADIUS (RFC 2866) that writes data
// sessions to the database. It is for operators who run no FreeRADIUS; it does not
// answer Access-Requests.
//
//	server.go   sockets, start and stop
//	receive.go  what is checked before a packet is believed
//	report.go   from the attributes of a packet to a storage.SessionReport
//	text.go     texts as FreeRADIUS writes them, so that it and the server share sessions
//	writer.go   batches, commits and answers
//	clients.go  the gateways and their secrets
//	repeats.go  packets that are sent again
//	metrics.go  what is counted
//	warnings.go log lines at a bounded rate
//
// The rules about sessions are in storage/accounting.go and in the triggers of
// radius.radacct.
package accounting
