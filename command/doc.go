// Package command is the command line of simtransfer, one file per subcommand:
//
//	api.go worker.go scheduler.go radius.go migrate.go   the service
//	check.go first_key.go privacy.go sessions.go work.go its operation
//	openapi.go demo.go dev.go chaos.go                   trying it out
//
// The commands over HTTP are in package cli. What several subcommands share is
// in package process, except what belongs to the command line itself:
//
//	command.go        Run, the list of subcommands, help and exit codes
//	man.go            simtransfer man and help
//	terminal.go       standard input and output of the commands over HTTP
//	actor.go          the name under which the audit trail lists the caller
//	version.go        the version of the program
//	gateway_probe.go  how a worker carries out the probe of a gateway
//	http_gateway.go   how a worker calls gateways without RADIUS
//
// Each flag has one default, which the help shows. It stands where the flag is
// declared: in the tag default of the field, or in the function that returns the
// values of the struct. The flags of simtransfer api, worker and scheduler that
// their packages use are fields of Config in api/config.go, worker/config.go and
// scheduler/config.go, with the defaults in DefaultConfig.
package command
