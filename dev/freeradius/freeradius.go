// Package freeradius runs a private FreeRADIUS that writes accounting into the
// service's database, with the configuration in deployments/freeradius. It needs the
// installed program and its stock configuration, which it copies.
package freeradius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"simtransfer/deployments"
	"simtransfer/dev/servers"
)

// errNotInstalled says what to do if the program or its configuration is missing.
var errNotInstalled = errors.New("run `deployments/setup.sh freeradius`, or install FreeRADIUS 3.2 with its module for PostgreSQL with your package manager")

// Program returns the path of FreeRADIUS's server program. If it is not installed, the
// error says what to install.
func Program() (string, error) {
	for _, name := range []string{"freeradius", "radiusd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("FreeRADIUS (freeradius or radiusd) is not installed: %w", errNotInstalled)
}

// StockConfiguration returns the folder of FreeRADIUS's own configuration. Not every
// user may read the one in use; deployments/setup.sh unpacks a copy.
func StockConfiguration() (string, error) {
	for _, dir := range []string{"/usr/local/share/simtransfer/freeradius", "/etc/freeradius/3.0", "/etc/raddb"} {
		f, err := os.Open(filepath.Join(dir, "radiusd.conf"))
		if err != nil {
			continue
		}
		_ = f.Close()
		if _, err := os.Stat(filepath.Join(dir, "mods-config/sql/main/postgresql/queries.conf")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("found no configuration of FreeRADIUS with its queries for PostgreSQL that this user may read: %w", errNotInstalled)
}

// CheckInstalled returns an error that says what to install, if something is missing.
func CheckInstalled() error {
	_, noProgram := Program()
	_, noConfiguration := StockConfiguration()
	return cmp.Or(noProgram, noConfiguration)
}

// Shipped returns a file of deployments/freeradius, such as "policy.d/simtransfer".
func Shipped(file string) (string, error) {
	text, err := fs.ReadFile(deployments.FreeRADIUS, "freeradius/"+file)
	return string(text), err
}

// Role is the name of the database user that Rights creates.
const Role = "freeradius"

// Rights are the statements that create a database user with the rights that accounting
// needs, as in docs/operations.md.
const Rights = `
CREATE ROLE freeradius LOGIN;
GRANT USAGE ON SCHEMA radius TO freeradius;
GRANT SELECT, INSERT, UPDATE ON radius.radacct TO freeradius;
GRANT EXECUTE ON FUNCTION radius.start_session TO freeradius;
ALTER ROLE freeradius SET search_path = radius`

// Connection returns the connection string for FreeRADIUS to a database of a private
// server. Such a server lets only its superuser connect, who takes the given role.
func Connection(databaseURL, role string) (string, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("host=%s port=%s dbname=%s user=%s options='-c role=%s -c search_path=radius'",
		u.Query().Get("host"), u.Query().Get("port"), strings.TrimPrefix(u.Path, "/"), u.User.Username(), role), nil
}

// Options configure Start.
type Options struct {
	Dir        string // a new folder for its files
	Connection string // to the database, as Connection returns it
	Secret     string // that it shares with the gateways, which are on this machine
}

// Server is a running FreeRADIUS that receives accounting.
type Server struct {
	Address string // host:port

	process *servers.Process
}

const (
	startTimeout = time.Minute
	stopTimeout  = 30 * time.Second
)

// Start runs FreeRADIUS with the modules that accounting needs, and returns when it is
// ready. It ends with this process, even if that is killed.
func Start(ctx context.Context, o Options) (*Server, error) {
	program, err := Program()
	if err != nil {
		return nil, err
	}
	address, err := servers.FreeUDPAddress(ctx)
	if err != nil {
		return nil, err
	}
	raddb := filepath.Join(o.Dir, "raddb")
	if err := o.configure(raddb, address); err != nil {
		return nil, fmt.Errorf("configuring FreeRADIUS: %w", err)
	}
	log := filepath.Join(o.Dir, "freeradius.log")
	p, err := servers.Command{
		Path: program, Args: []string{"-d", raddb, "-f", "-l", "stdout"}, LogFile: log, DeathSignal: syscall.SIGKILL,
	}.Start()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.WaitReady(ctx, func(context.Context) error { return ready(log) }); err != nil {
		return nil, errors.Join(fmt.Errorf("starting FreeRADIUS: %w", err), p.Kill())
	}
	return &Server{Address: address, process: p}, nil
}

// Stop stops the server. Later calls do nothing.
func (s *Server) Stop() error { return s.process.Stop(syscall.SIGTERM, stopTimeout) }

func ready(log string) error {
	text, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), "Ready to process requests") {
		return errors.New("it is not ready to process requests")
	}
	return nil
}

// configure makes a folder of configuration from the stock one, without the parts
// that need root, and with the shipped module, policy and site.
func (o Options) configure(raddb, address string) error {
	stock, err := StockConfiguration()
	if err != nil {
		return err
	}
	if err := os.CopyFS(raddb, os.DirFS(stock)); err != nil {
		return err
	}
	for _, enabled := range []string{"sites-enabled", "mods-enabled"} {
		folder := filepath.Join(raddb, enabled)
		if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o700)); err != nil {
			return err
		}
	}
	for _, module := range []string{"always", "attr_filter", "expr", "preprocess"} {
		if err := os.Symlink(filepath.Join(raddb, "mods-available", module), filepath.Join(raddb, "mods-enabled", module)); err != nil {
			return err
		}
	}
	main, err := os.ReadFile(filepath.Join(raddb, "radiusd.conf"))
	if err != nil {
		return err
	}
	module, err := Shipped("mods-available/sql")
	if err != nil {
		return err
	}
	policy, err := Shipped("policy.d/simtransfer")
	if err != nil {
		return err
	}
	site, err := Shipped("sites-available/simtransfer")
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name, text string
		edits      []edit
	}{
		{"radiusd.conf", string(main), []edit{
			{`(?m)^raddbdir = .*`, "raddbdir = " + raddb},
			{`(?m)^logdir = .*`, "logdir = " + o.Dir},
			{`(?m)^run_dir = .*`, "run_dir = " + o.Dir},
			{`(?m)^\s*(user|group) = .*`, ""},
		}},
		{"mods-enabled/sql", module, []edit{{`(?m)^\s*radius_db = .*`, "\tradius_db = \"" + o.Connection + "\""}}},
		{"policy.d/simtransfer", policy, nil},
		{"sites-enabled/simtransfer", site, []edit{{`ipaddr = \*`, "ipaddr = 127.0.0.1"}, {`port = 1813`, "port = " + port}}},
		{"clients.conf", fmt.Sprintf("client gateways {\n ipaddr = 127.0.0.1\n secret = %q\n}\n", o.Secret), nil},
	} {
		text := file.text
		for _, e := range file.edits {
			if text, err = e.apply(text); err != nil {
				return fmt.Errorf("%s: %w", file.name, err)
			}
		}
		if err := os.WriteFile(filepath.Join(raddb, file.name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// edit replaces what matches a pattern.
type edit struct{ pattern, with string }

// apply returns an error if nothing matches: the file is not as expected.
func (e edit) apply(text string) (string, error) {
	pattern := regexp.MustCompile(e.pattern)
	if !pattern.MatchString(text) {
		return "", fmt.Errorf("nothing in the file matches %s", e.pattern)
	}
	return pattern.ReplaceAllLiteralString(text, e.with), nil
}
