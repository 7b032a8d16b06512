package cli

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

type gatewaysCommand struct {
	List   gatewaysListCommand   `cmd:"" help:"List gateways (support)."`
	Show   gatewaysShowCommand   `cmd:"" help:"Show a gateway (support)."`
	Set    gatewaysSetCommand    `cmd:"" help:"Create a gateway or replace its settings (administrators)."`
	Update gatewaysUpdateCommand `cmd:"" help:"Change some settings of a gateway (administrators)."`
	Remove gatewaysRemoveCommand `cmd:"" help:"Remove a gateway (administrators)."`
	Probe  gatewaysProbeCommand  `cmd:"" help:"Find out whether a gateway answers (support)."`

	Presets gatewaysPresetsCommand `cmd:"" help:"List the kinds of gateways whose settings are known."`
}

type gatewaysPresetsCommand struct{}

// Help returns the detailed help.
func (gatewaysPresetsCommand) Help() string {
	return `Prints what each kind of gateway is sent if it is set with --preset. It calls no service.

Example:

    simtransfer gateways presets`
}

// Run runs the command.
func (gatewaysPresetsCommand) Run(s *Session) error {
	t := newTable(s.Out, "PRESET", "GATEWAY", "ASKED AT", "ATTRIBUTES")
	for _, p := range transfer.GatewayPresets() {
		rules := p.Rules()
		at := fmt.Sprintf("port %d", rules.Port)
		if rules.HTTP {
			at = "its URL"
		}
		names := make([]string, len(rules.Attributes))
		for i, a := range rules.Attributes {
			names[i] = string(a)
		}
		t.add(string(p), rules.Title, at, strings.Join(names, ", "))
	}
	return t.flush()
}

// gatewayName is an argument with the address or network of a gateway.
type gatewayName string

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *gatewayName) UnmarshalText(text []byte) error {
	network, err := transfer.ParseGatewayName(string(text))
	if err != nil {
		return fmt.Errorf("%q is %w", text, err)
	}
	*n = gatewayName(transfer.GatewayName(network))
	return nil
}

// gatewayArgument is embedded in the commands for one gateway.
type gatewayArgument struct {
	Name gatewayName `arg:"" help:"Address that the gateway sends in accounting as NAS-IP-Address, such as 10.0.0.1, or a network of gateways, such as 10.64.0.0/10."`
}

func printGateway(l *connection, g client.Gateway) error {
	t := newTable(l.Out)
	t.add("Gateway", g.Name)
	t.add("Description", g.Description)
	t.add("Asked at", gatewayAddressText(g))
	t.add("Kind", string(g.Preset))
	if g.URL == "" {
		t.add("Attributes", attributesText(g))
		t.add("Message-Authenticator required", yesNo(g.Signed))
	}
	for _, row := range []struct {
		name, value string
	}{
		{"Sent from", g.Source},
		{"Requests in flight", workerLimit(g.MaxInFlight)},
		{"Requests per second", workerLimit(g.MaxPerSecond)},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	t.add("Secret", radiusSecretText(g))
	if g.URL != "" {
		t.add("Secret of the URL", secretText(g.URLSecretSetAt))
	}
	return t.flush()
}

func attributesText(g client.Gateway) string {
	names := make([]string, len(g.Attributes))
	for i, a := range g.Attributes {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}

// workerLimit returns a limit of each worker process, empty if there is none.
func workerLimit(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("at most %d of each worker", n)
}

// gatewayAddressText is where a gateway is asked to end sessions.
func gatewayAddressText(g client.Gateway) string {
	if g.URL != "" {
		return g.URL
	}
	if g.Address == "" {
		return "each gateway's own address"
	}
	return g.Address
}

// radiusSecretText says whether a gateway has a RADIUS secret. One with a URL needs it
// only for its accounting.
func radiusSecretText(g client.Gateway) string {
	if g.URL != "" && g.SecretSetAt == nil {
		return "not set"
	}
	return secretText(g.SecretSetAt)
}

func secretText(setAt *time.Time) string {
	if setAt == nil {
		return "set"
	}
	return "set " + timeText(*setAt)
}

type gatewaysListCommand struct {
	paging
	remote
}

// Help returns the detailed help.
func (gatewaysListCommand) Help() string {
	return `Example:

    simtransfer gateways list`
}

// Run runs the command.
func (c *gatewaysListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	list := func(p client.Paging) (client.Page[client.ListedGateway], error) {
		return l.client.ListGateways(ctx, p, l.options()...)
	}
	head := []string{"GATEWAY", "KIND", "ASKED AT", "SIGNED ANSWERS", "SECRET", "WAITING", "DESCRIPTION"}
	return printList(l, c.paging, maxPage, list, head, func(g client.ListedGateway) []string {
		return []string{
			g.Name, string(g.Preset), gatewayAddressText(g.Gateway), map[bool]string{true: "required", false: "optional"}[g.Signed],
			radiusSecretText(g.Gateway), waitingText(g.Waiting), g.Description,
		}
	})
}

// waitingText says how many SIMs wait for a gateway, and why.
func waitingText(w *client.GatewayWaiting) string {
	switch {
	case w == nil:
		return "-"
	case w.Answer == "":
		return strconv.Itoa(w.SIMs)
	default:
		return fmt.Sprintf("%d (%s)", w.SIMs, w.Answer)
	}
}

type gatewaysShowCommand struct {
	gatewayArgument
	showsETag
	remote
}

// Help returns the detailed help.
func (gatewaysShowCommand) Help() string {
	return `The secret is never shown.

Example:

    simtransfer gateways show 10.0.0.1`
}

// Run runs the command.
func (c *gatewaysShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, c.showsETag, []gatewayName{c.Name}, func(l *connection, name gatewayName, options ...client.Option) (client.Gateway, error) {
		return l.client.GetGateway(ctx, string(name), options...)
	}, printGateway)
}

type gatewaysSetCommand struct {
	gatewayArgument
	Server      string `placeholder:"HOST:PORT" help:"Where the gateway takes Disconnect-Requests: host or host:port. The default port is 3799. Default: the address of the gateway."`
	Signed      bool   `name:"require-message-authenticator" help:"Ignore answers without a Message-Authenticator, which could be forged. gateways probe tells whether the gateway sends it."`
	Description string `help:"A description for people."`
	KeepSecret  bool   `help:"Do not ask for the secret: the gateway exists, and keeps its own."`

	Preset       string   `placeholder:"KIND" help:"Kind of gateway, such as cisco-ios or mikrotik: its attributes and port are the defaults. gateways presets lists them."`
	Attributes   []string `placeholder:"NAMES" help:"Attributes of Disconnect-Requests, separated by commas, such as Acct-Session-Id,User-Name. Default: those of the preset."`
	Port         int      `min:"0" max:"65535" placeholder:"PORT" help:"Port for Disconnect-Requests, if --server has none."`
	Source       string   `name:"source-address" placeholder:"IP" help:"Address that Disconnect-Requests are sent from; each worker's host must have it."`
	MaxInFlight  int      `min:"0" max:"10000" placeholder:"N" help:"How many requests of each worker process may wait for an answer. Default: no limit."`
	MaxPerSecond int      `min:"0" max:"100000" placeholder:"N" help:"How many requests each worker process may send per second. Default: no limit."`
	URL          string   `name:"gateway-url" placeholder:"URL" help:"Where to call a gateway without RADIUS by HTTP. The secret is then the one that signs the calls: whsec_ and 24 to 64 bytes in base64."`

	condition
	remote
}

// Help returns the detailed help.
func (gatewaysSetCommand) Help() string {
	return `Asks for the shared secret without echoing it, or reads it from standard input. Settings that are not given get their defaults; to change only some, use gateways update.

A FreeRADIUS that receives the accounting has a list of clients of its own: add the gateway there, too.

Examples:

    simtransfer gateways set 10.0.0.1 --require-message-authenticator < secret.txt
    simtransfer gateways set 10.64.0.0/10 --server=coa.example.com:3799
    simtransfer gateways set 10.0.0.1 --preset=cisco-ios --max-in-flight=64 < secret.txt
    simtransfer gateways set 10.0.0.2 --gateway-url=https://gateway.example.com/disconnect < secret.txt
    simtransfer gateways set 10.0.0.1 --description="PGW 1" --keep-secret`
}

// Run runs the command.
func (c *gatewaysSetCommand) Run(ctx context.Context, s *Session) error {
	settings := client.GatewaySettings{
		Description: c.Description, Server: c.Server, Signed: c.Signed, Preset: transfer.GatewayPreset(c.Preset), Attributes: c.Attributes, Port: c.Port,
		Source: c.Source, MaxInFlight: c.MaxInFlight, MaxPerSecond: c.MaxPerSecond, URL: c.URL,
	}
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if !c.KeepSecret {
		secret := &settings.Secret
		if c.URL != "" {
			secret = &settings.URLSecret
		}
		if *secret, err = askGatewaySecret(ctx, s); err != nil {
			return err
		}
	}
	g, err := l.client.PutGateway(ctx, string(c.Name), settings, l.options(c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printGateway(l, g) })
}

func askGatewaySecret(ctx context.Context, s *Session) (string, error) {
	text, err := askSecret(ctx, s, bufio.NewReader(s.In), "Secret of the gateway")
	if err != nil {
		return "", err
	}
	secret, err := transfer.ParseGatewaySecret(strings.TrimRight(text, "\r\n"))
	if err != nil {
		return "", usageError("%w", err)
	}
	return secret, nil
}

type gatewaysUpdateCommand struct {
	gatewayArgument
	Server      *string `placeholder:"HOST:PORT" help:"Where the gateway takes Disconnect-Requests: host or host:port. An empty value means the address of the gateway."`
	Signed      *bool   `name:"require-message-authenticator" negatable:"" help:"Whether answers without a Message-Authenticator are ignored."`
	Description *string `help:"A description for people. An empty value removes it."`
	Secret      bool    `help:"Ask for a new secret without echoing it, or read it from standard input."`

	Preset       string    `placeholder:"KIND" help:"Kind of gateway: sets attributes and port, unless they are given, too. gateways presets lists them."`
	Attributes   *[]string `placeholder:"NAMES" help:"Attributes of Disconnect-Requests, separated by commas. An empty value means the default list."`
	Port         *int      `min:"0" max:"65535" placeholder:"PORT" help:"Port for Disconnect-Requests, if the server has none. 0 means 3799."`
	Source       *string   `name:"source-address" placeholder:"IP" help:"Address that Disconnect-Requests are sent from. An empty value means the one that the route has."`
	MaxInFlight  *int      `min:"0" max:"10000" placeholder:"N" help:"How many requests of each worker process may wait for an answer. 0 means no limit."`
	MaxPerSecond *int      `min:"0" max:"100000" placeholder:"N" help:"How many requests each worker process may send per second. 0 means no limit."`
	URL          *string   `name:"gateway-url" placeholder:"URL" help:"Where to call a gateway without RADIUS by HTTP. An empty value means that it gets Disconnect-Requests."`
	URLSecret    bool      `help:"Ask for the secret that signs the calls by HTTP, or read it from standard input."`

	condition
	remote
}

// Validate implements kong's validation.
func (c *gatewaysUpdateCommand) Validate() error {
	if c.Server == nil && c.Signed == nil && c.Description == nil && !c.Secret && c.Preset == "" && c.Attributes == nil && c.Port == nil && c.Source == nil &&
		c.MaxInFlight == nil && c.MaxPerSecond == nil && c.URL == nil && !c.URLSecret {
		return usageError("nothing to change: set --server, --require-message-authenticator, --description, --secret or another setting")
	}
	if c.Secret && c.URLSecret {
		return usageError("--secret and --url-secret both read standard input: change them one after the other")
	}
	return nil
}

// Help returns the detailed help.
func (gatewaysUpdateCommand) Help() string {
	return `Settings that are not given stay as they are.

Examples:

    simtransfer gateways update 10.0.0.1 --secret < secret.txt
    simtransfer gateways update 10.0.0.1 --no-require-message-authenticator
    simtransfer gateways update 10.0.0.1 --preset=mikrotik --port=1700
    simtransfer gateways update 10.0.0.1 --server=`
}

// Run runs the command.
func (c *gatewaysUpdateCommand) Run(ctx context.Context, s *Session) error {
	change := client.GatewayChange{Description: (*client.RemovableText)(c.Description), Server: (*client.RemovableText)(c.Server), Signed: c.Signed}
	change.Preset, change.Attributes, change.Port = transfer.GatewayPreset(c.Preset), (*client.RemovableList)(c.Attributes), (*client.RemovableNumber)(c.Port)
	change.Source, change.URL = (*client.RemovableText)(c.Source), (*client.RemovableText)(c.URL)
	change.MaxInFlight, change.MaxPerSecond = (*client.RemovableNumber)(c.MaxInFlight), (*client.RemovableNumber)(c.MaxPerSecond)
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if c.Secret {
		if change.Secret, err = askGatewaySecret(ctx, s); err != nil {
			return err
		}
	}
	if c.URLSecret {
		if change.URLSecret, err = askGatewaySecret(ctx, s); err != nil {
			return err
		}
	}
	g, err := l.client.UpdateGateway(ctx, string(c.Name), change, l.options(c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printGateway(l, g) })
}

type gatewaysRemoveCommand struct {
	gatewayArgument
	LeaveSessions bool `help:"Remove it although sessions are open at it. If no other network includes them, they cannot be ended, and the transfers of their SIMs fail."`
	condition
	remote
}

// Help returns the detailed help.
func (gatewaysRemoveCommand) Help() string {
	return `A gateway with open sessions is not removed, because its sessions could then not be ended.

Example:

    simtransfer gateways remove 10.0.0.1`
}

// Run runs the command.
func (c *gatewaysRemoveCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if err := l.client.DeleteGateway(ctx, string(c.Name), c.LeaveSessions, l.options(c.ifMatch())...); err != nil {
		return l.explain(err)
	}
	l.note("Gateway %s was removed.", c.Name)
	return nil
}

type gatewaysProbeCommand struct {
	gatewayArgument
	NASAddress string `name:"nas-address" placeholder:"IP" help:"Which gateway of a network to probe. Required for a network without server."`
	remote
}

// Help returns the detailed help.
func (gatewaysProbeCommand) Help() string {
	return `A worker sends the gateway a Disconnect-Request for a session that cannot exist, or a test call if the gateway has a URL. It ends no session. The exit code is 1 unless the gateway answers as it should.

Examples:

    simtransfer gateways probe 10.0.0.1
    simtransfer gateways probe 10.64.0.0/10 --nas-address=10.64.0.7`
}

// Run runs the command.
func (c *gatewaysProbeCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	p, err := l.client.ProbeGateway(ctx, string(c.Name), client.ProbeTarget{NASAddress: c.NASAddress}, l.options()...)
	if err != nil {
		return l.explain(err)
	}
	if err := l.show(func() error { return printProbe(l, p) }); err != nil {
		return err
	}
	if p.Outcome != transfer.ProbeAnswers {
		return Reported(&exitError{ExitFailed, fmt.Errorf("gateway %s: %s", p.Gateway, p.Outcome)})
	}
	return nil
}

func printProbe(l *connection, p client.Probe) error {
	if _, err := fmt.Fprintf(l.Out, "%s\n", strings.TrimSpace(p.Meaning+" "+p.Remedy)); err != nil {
		return err
	}
	t := newTable(l.Out)
	t.add("Outcome", string(p.Outcome))
	for _, row := range [][2]string{
		{"Detail", p.Detail}, {"Error-Cause", p.ErrorCause}, {"Asked", p.Address}, {"From", strings.TrimSpace(p.From + " " + p.Worker)},
	} {
		if row[1] != "" {
			t.add(row[0], row[1])
		}
	}
	return t.flush()
}
