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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"simtransfer/cli"
)

// commands are the subcommands, in the order of the help, and the flags that
// all of them have.
type commands struct {
	API       apiCommand       `cmd:"" name:"api" group:"serve" help:"Serve the HTTP API and the queue UI."`
	Worker    workerCommand    `cmd:"" group:"serve" help:"Process the work of transfers."`
	Scheduler schedulerCommand `cmd:"" group:"serve" help:"Dispatch work, recover lost work and expire requests."`
	RADIUS    radiusCommand    `cmd:"" name:"radius" group:"serve" help:"Receive the accounting of gateways, if no FreeRADIUS does."`
	Migrate   migrateCommand   `cmd:"" group:"serve" help:"Migrate the database to the schema of this version."`

	Privacy  privacyCommand  `cmd:"" group:"operate" help:"Export or erase the personal data of an account, directly in the database."`
	FirstKey firstKeyCommand `cmd:"" group:"operate" help:"Create the first administrator's key, directly in the database."`
	Check    checkCommand    `cmd:"" group:"operate" help:"Check the invariants: nothing is lost, duplicated or left incomplete. Safe on a live database."`
	Sessions sessionsCommand `cmd:"" group:"operate" help:"List and close data sessions whose end was lost."`
	Work     workCommand     `cmd:"" group:"operate" help:"List and retry pending and dead work."`

	cli.Commands `group:"use"`
	OpenAPI      openapiCommand            `cmd:"" name:"openapi" group:"use" help:"Print the OpenAPI document."`
	Completion   kongcompletion.Completion `cmd:"" group:"use" help:"Print a shell completion script."`
	Man          manCommand                `cmd:"" group:"use" help:"Print a manual page, or write all of them to a folder."`
	ShowHelp     helpCommand               `cmd:"" name:"help" group:"use" help:"Describe a command, as the command does with --help."`

	Demo  demoCommand  `cmd:"" group:"try" help:"Transfer ten thousand SIMs on private servers and report the results."`
	Dev   devCommand   `cmd:"" group:"try" help:"Run the whole service on private servers with sample data, until Ctrl-C."`
	Chaos chaosCommand `cmd:"" group:"try" help:"Inject random faults on private servers and verify that nothing is lost or duplicated."`

	LogFormat string           `enum:"text,json" default:"text" env:"SIMTRANSFER_LOG_FORMAT" help:"Format of log lines on standard error: text or json."`
	LogLevel  slog.Level       `default:"info" env:"SIMTRANSFER_LOG_LEVEL" help:"Minimum level to log: debug, info, warn or error."`
	Version   kong.VersionFlag `help:"Print the version and exit."`
}

// Help is the detailed help.
func (commands) Help() string { return cli.ExitCodes }

// newCommands returns the commands with the defaults that other packages define.
func newCommands() *commands {
	return &commands{
		API:       defaultAPICommand(),
		Worker:    defaultWorkerCommand(),
		Scheduler: defaultSchedulerCommand(),
		RADIUS:    defaultRADIUSCommand(),
		Chaos:     defaultChaosCommand(),
	}
}

// Run runs the subcommand that args name and returns the exit code: 0 for
// success, 1 when the command failed or found problems, and 2 for wrong usage.
// The commands over HTTP return more specific codes, see cli.ExitCode.
func Run(args []string, stderr io.Writer) int {
	c := newCommands()
	call, err := c.parse(args, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "simtransfer:", err)
		return cli.ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	call.BindTo(ctx, (*context.Context)(nil))
	call.Bind(c.logger(), newSession(stderr))
	err = call.Run()
	if err != nil && !errors.Is(err, cli.ErrReported) {
		fmt.Fprintln(stderr, "simtransfer:", err)
	}
	return cli.ExitCode(err)
}

// parse sets the flags from args and the environment. For --help, --version and
// shell completion it prints the text and exits.
func (c *commands) parse(args []string, stderr io.Writer) (*kong.Context, error) {
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	used := args
	if os.Getenv("COMP_LINE") != "" {
		used = nil // to complete the names of commands
	}
	parser, err := c.parser(stderr, used)
	if err != nil {
		return nil, err
	}
	kongcompletion.Register(parser, kongcompletion.WithPredictor("file", complete.PredictFiles("*")))
	call, err := parser.Parse(args)
	if err != nil {
		return nil, usageError(err)
	}
	return call, nil
}

// usageError makes an error of kong more useful. If a flag has values to choose
// from, the error lists them, without the empty text that stands for no value.
func usageError(err error) error {
	text := err.Error()
	if strings.HasPrefix(text, "missing flags: ") {
		return fmt.Errorf("%w: see --help", err)
	}
	flag, rest, isChoice := strings.Cut(text, " must be one of ")
	list, got, ok := strings.Cut(rest, " but got ")
	if !isChoice || !ok {
		return err
	}
	choices := slices.DeleteFunc(strings.Split(list, ","), func(c string) bool { return c == `""` })
	if len(choices) == 1 {
		return fmt.Errorf("%s must be %s but got %s", flag, choices[0], got)
	}
	return fmt.Errorf("%s must be one of %s but got %s", flag, strings.Join(choices, ", "), got)
}

// parser returns the parser of the commands that args use: all of them if args is
// empty.
func (c *commands) parser(stderr io.Writer, args []string) (*kong.Kong, error) {
	return kong.New(c, append(cli.Options(c, args),
		kong.Name("simtransfer"),
		kong.Description("Moves SIM registrations from one operator account to another, and never loses, duplicates or half-completes a transfer."),
		kong.Vars{"version": version()},
		kong.PostBuild(useValuesAsDefaults),
		kong.ExplicitGroups([]kong.Group{
			{Key: "serve", Title: "Run the service:"},
			{Key: "operate", Title: "Operate it:"},
			{Key: "use", Title: "Use it over HTTP:"},
			{Key: "try", Title: "Try it out:"},
		}),
		kong.Help(helpWithExitCodes),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Writers(os.Stdout, stderr),
	)...)
}

// useValuesAsDefaults makes the value that a field has before the arguments are
// parsed the default of its flag, as package flag does. So the packages that
// use a setting define its default, and the help shows it.
func useValuesAsDefaults(k *kong.Kong) error {
	return kong.Visit(k.Model, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok && !f.HasDefault && !f.Target.IsZero() {
			f.Default, f.HasDefault = fmt.Sprint(f.Target), true
			if d, ok := f.Target.Interface().(time.Duration); ok {
				f.Default = shortDuration(d)
			}
		}
		return next(nil)
	})
}

// shortDuration is 168h where String would return 168h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// helpWithExitCodes prints the help, and the exit codes of a subcommand. The
// help of the program has them in its text.
func helpWithExitCodes(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	node := ctx.Selected()
	if node == nil || !node.Leaf() {
		return nil
	}
	_, err := fmt.Fprintf(ctx.Stdout, "\n%s\n", exitCodesOf(node))
	return err
}

func (c *commands) logger() *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return nil
}
