package command

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"simtransfer/command/process"
	"simtransfer/storage"
)

type checkCommand struct {
	process.DatabaseFlags
	RADIUS bool `name:"radius" help:"Check the set-up around RADIUS instead: the tables and the database users of FreeRADIUS, and whether every gateway answers the workers. A worker must be running."`
	JSON   bool `help:"Print a JSON array instead of one line per invariant."`
}

func (c *checkCommand) Run(ctx context.Context) error {
	db, err := c.Open(ctx, storage.Options{Standby: !c.RADIUS})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	findings, err := c.check(ctx, db)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(findings); err != nil {
			return err
		}
	} else {
		printFindings(findings)
	}
	violations := 0
	for _, f := range findings {
		violations += f.Violations
	}
	if violations > 0 {
		return fmt.Errorf("%d violations", violations)
	}
	return nil
}

func (c *checkCommand) check(ctx context.Context, db *storage.DB) (findings []storage.Finding, err error) {
	complete := true
	if c.RADIUS {
		findings, complete, err = db.CheckRADIUS(ctx)
	} else {
		findings, err = db.Check(ctx)
	}
	if err != nil || !complete {
		return findings, err
	}
	gateways, err := checkGatewayNames(ctx, db, net.DefaultResolver)
	if err != nil {
		return nil, err
	}
	findings = append(findings, gateways)
	if !c.RADIUS {
		return findings, nil
	}
	gateways, err = db.CheckGateways(ctx, commandUser())
	return append(findings, gateways), err
}

// maxCheckedGateways is how many gateways are looked at.
const maxCheckedGateways = 10000

// checkGatewayNames looks for gateways whose server is a host name that cannot be
// resolved on this host: their sessions cannot be disconnected.
func checkGatewayNames(ctx context.Context, db *storage.DB, resolver *net.Resolver) (storage.Finding, error) {
	f := storage.Finding{Number: 6, Invariant: "every host name of a gateway can be resolved on this host"}
	gateways, err := db.Gateways(ctx, netip.Prefix{}, maxCheckedGateways)
	if err != nil {
		return f, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	resolved := map[string]error{}
	for _, g := range gateways {
		host, err := gatewayHost(g)
		if err != nil {
			return f, fmt.Errorf("gateway %s: %w", g.Name, err)
		}
		if host == "" {
			continue
		}
		err, known := resolved[host]
		if !known {
			_, err = resolver.LookupNetIP(ctx, "ip", host)
			resolved[host] = err
		}
		if err == nil {
			continue
		}
		f.Violations++
		if f.Violations <= storage.MaxExamples {
			f.Examples = append(f.Examples, fmt.Sprintf("gateway %s: %v: correct it with simtransfer gateways update", g.Name, err))
		}
	}
	return f, nil
}

// gatewayHost returns the host name or address that was set for a gateway; empty if it
// is asked at its own address.
func gatewayHost(g storage.Gateway) (string, error) {
	switch {
	case g.URL != nil:
		u, err := url.Parse(*g.URL)
		if err != nil {
			return "", err
		}
		return u.Hostname(), nil
	case g.Server == nil || g.Address == nil:
		return "", nil
	}
	host, _, err := net.SplitHostPort(*g.Address)
	return host, err
}

func printFindings(findings []storage.Finding) {
	for _, f := range findings {
		fmt.Printf("%d  %6d violations  %s\n", f.Number, f.Violations, f.Invariant)
		for _, example := range f.Examples {
			fmt.Printf("                        %s\n", example)
		}
	}
}
