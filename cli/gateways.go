package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

type gatewaysCommand struct {
	List   gatewaysListCommand   `cmd:"" help:"List gateways (support)."`
	Show   gatewaysShowCommand   `cmd:"" help:"Show a gateway (support)."`
	Set    gatewaysSetCommand    `cmd:"" help:"Create a gateway or replace its settings (administrators)."`
	Update gatewaysUpdateCommand `cmd:"" help:"Change some settings of a gateway (administrators)."`
	Remove gatewaysRemoveCommand `cmd:"" help:"Remove a gateway (administrators)."`
	Probe  gatewaysProbeCommand  `cmd:"" help:"Find out whether a gateway answers Disconnect-Requests (support)."`
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
	t.add("Disconnect-Requests to", gatewayAddressText(g))
	t.add("Message-Authenticator required", yesNo(g.Signed))
	t.add("Secret", secretText(g))
	return t.flush()
}

// gatewayAddressText is where the Disconnect-Requests of a gateway are sent to.
func gatewayAddressText(g client.Gateway) string {
	if g.Address == "" {
		return "each gateway's own address"
	}
	return g.Address
}

func secretText(g client.Gateway) string {
	if g.SecretSetAt == nil {
		return "set"
	}
	return "set " + timeText(*g.SecretSetAt)
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
	list := func(p client.Paging) (client.Page[client.Gateway], error) {
		return l.client.ListGateways(ctx, p, l.options()...)
	}
	head := []string{"GATEWAY", "DISCONNECT-REQUESTS TO", "SIGNED ANSWERS", "SECRET", "DESCRIPTION"}
	return printList(l, c.paging, maxPage, list, head, func(g client.Gateway) []string {
		return []string{g.Name, gatewayAddressText(g), map[bool]string{true: "required", false: "optional"}[g.Signed], secretText(g), g.Description}
	})
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
	return showOne(s, c.remote, c.showsETag, func(l *connection, options ...client.Option) (client.Gateway, error) {
		return l.client.GetGateway(ctx, string(c.Name), options...)
	}, printGateway)
}

type gatewaysSetCommand struct {
	gatewayArgument
	Server      string `placeholder:"HOST:PORT" help:"Where the gateway takes Disconnect-Requests: host or host:port. The default port is 3799. Default: the address of the gateway."`
	Signed      bool   `name:"require-message-authenticator" help:"Ignore answers without a Message-Authenticator, which could be forged. gateways probe tells whether the gateway sends it."`
	Description string `help:"A description for people."`
	KeepSecret  bool   `help:"Do not ask for the secret: the gateway exists, and keeps its own."`
	condition
	remote
}

// Help returns the detailed help.
func (gatewaysSetCommand) Help() string {
	return `Asks for the shared secret without echoing it, or reads it from standard input. Settings that are not given get their defaults; to change only some, use gateways update.

FreeRADIUS reads new gateways when it is restarted.

Examples:

    simtransfer gateways set 10.0.0.1 --require-message-authenticator < secret.txt
    simtransfer gateways set 10.64.0.0/10 --server=coa.example.com:3799
    simtransfer gateways set 10.0.0.1 --description="PGW 1" --keep-secret`
}

// Run runs the command.
func (c *gatewaysSetCommand) Run(ctx context.Context, s *Session) error {
	settings := client.GatewaySettings{Description: c.Description, Server: c.Server, Signed: c.Signed}
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if !c.KeepSecret {
		if settings.Secret, err = askGatewaySecret(ctx, s); err != nil {
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
	condition
	remote
}

// Validate implements kong's validation.
func (c *gatewaysUpdateCommand) Validate() error {
	if c.Server == nil && c.Signed == nil && c.Description == nil && !c.Secret {
		return usageError("nothing to change: set --server, --require-message-authenticator, --description or --secret")
	}
	return nil
}

// Help returns the detailed help.
func (gatewaysUpdateCommand) Help() string {
	return `Settings that are not given stay as they are.

Examples:

    simtransfer gateways update 10.0.0.1 --secret < secret.txt
    simtransfer gateways update 10.0.0.1 --no-require-message-authenticator
    simtransfer gateways update 10.0.0.1 --server=`
}

// Run runs the command.
func (c *gatewaysUpdateCommand) Run(ctx context.Context, s *Session) error {
	change := client.GatewayChange{Description: (*client.RemovableText)(c.Description), Server: (*client.RemovableText)(c.Server), Signed: c.Signed}
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if c.Secret {
		if change.Secret, err = askGatewaySecret(ctx, s); err != nil {
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
	return `A worker sends the gateway a Disconnect-Request for a session that cannot exist. It ends no session. The exit code is 1 unless the gateway answers as it should.

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
