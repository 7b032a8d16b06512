// Package command is the command line of simtransfer: one file per subcommand.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"simtransfer/cli"
)

// commands is everything that the program can do.
type commands struct {
	API       apiCommand       `cmd:"" name:"api" group:"serve" help:"Serve the HTTP API and the page on the queues."`
	Worker    workerCommand    `cmd:"" group:"serve" help:"Carry out the work of transfers."`
	Scheduler schedulerCommand `cmd:"" group:"serve" help:"Dispatch work, bring back what was lost, expire requests."`
	Migrate   migrateCommand   `cmd:"" group:"serve" help:"Bring the database to this build's schema."`

	FirstKey firstKeyCommand `cmd:"" group:"operate" help:"Make the first administrator's key, directly in the database."`
	Check    checkCommand    `cmd:"" group:"operate" help:"Verify on a live database that nothing is lost, doubled or half done."`
	Work     workCommand     `cmd:"" group:"operate" help:"See what is pending or dead, and give it another try."`

	cli.Commands `group:"use"`
	OpenAPI      openapiCommand            `cmd:"" name:"openapi" group:"use" help:"Print the OpenAPI document."`
	Completion   kongcompletion.Completion `cmd:"" group:"use" help:"Print what makes a shell complete commands."`

	Demo demoCommand `cmd:"" group:"try" help:"See ten thousand SIMs change hands, on private servers."`
	Dev  devCommand  `cmd:"" group:"try" help:"Run everything on private servers, with a sample inventory, until Ctrl-C."`

	Chaos chaosCommand `cmd:"" group:"try" help:"See that nothing is lost or doubled while everything fails at random, on private servers."`

	LogFormat string           `enum:"text,json" default:"text" env:"SIMTRANSFER_LOG_FORMAT" help:"How log lines are written to standard error: text or json."`
	LogLevel  slog.Level       `default:"info" env:"SIMTRANSFER_LOG_LEVEL" help:"The least level that is logged: debug, info, warn or error."`
	Version   kong.VersionFlag `help:"Print the version and exit."`
}

// Help is the detailed help.
func (commands) Help() string { return cli.ExitCodes }

// Run returns the exit code: 0 when all went well, 1 when the command failed
// or found something wrong, 2 when it was called wrongly; those of the commands
// over HTTP tell more.
func Run(args []string, stderr io.Writer) int {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("simtransfer"),
		kong.Description("Moves SIM registrations from one operator account to another, and never loses, doubles or half-does one."),
		kong.Vars{"version": version()},
		kong.ExplicitGroups([]kong.Group{
			{Key: "serve", Title: "Run the service:"},
			{Key: "operate", Title: "Operate it:"},
			{Key: "use", Title: "Use it over HTTP:"},
			{Key: "try", Title: "Try it out:"},
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Writers(os.Stdout, stderr),
	)
	if err != nil {
		fmt.Fprintln(stderr, "simtransfer:", err)
		return 2
	}
	kongcompletion.Register(parser, kongcompletion.WithPredictor("file", complete.PredictFiles("*")))
	call, err := parser.Parse(args)
	if err != nil && strings.HasPrefix(err.Error(), "missing flags: ") {
		err = fmt.Errorf("%w: see --help", err)
	}
	if err != nil {
		fmt.Fprintln(stderr, "simtransfer:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	call.BindTo(ctx, (*context.Context)(nil))
	call.Bind(c.logger(), session(stderr))
	return report(stderr, call.Run())
}

// report prints the error of a command, and returns its exit code.
func report(stderr io.Writer, err error) int {
	if err != nil && !errors.Is(err, errSaid) && !cli.Said(err) {
		fmt.Fprintln(stderr, "simtransfer:", err)
	}
	return cli.ExitCode(err)
}

// errSaid makes the program end with exit code 1 when the command itself has
// already printed why.
var errSaid = errors.New("see above")

func (c *commands) logger() *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return nil
}

// deref is what a pointer points at, or nothing.
func deref[T ~string](s *T) T {
	if s == nil {
		return ""
	}
	return *s
}
