package storage

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// target is what a connection string says: which servers to connect to, and
// how.
type target struct {
	hosts []pq.Config // one for each server, in the order in which they are tried

	// accept says which of the servers may be used, as libpq's
	// target_session_attrs does.
	accept pq.TargetSessionAttrs

	socket socketOptions
}

// socketOptions are the settings of TCP connections, as libpq has them.
type socketOptions struct {
	keepAlive         bool          // keepalives
	keepAliveIdle     time.Duration // keepalives_idle
	keepAliveInterval time.Duration // keepalives_interval
	keepAliveCount    int           // keepalives_count
	userTimeout       time.Duration // tcp_user_timeout: how long sent data may remain unacknowledged
}

// defaultSocketOptions notice a host that has vanished within about 20 seconds.
func defaultSocketOptions() socketOptions {
	return socketOptions{
		keepAlive: true, keepAliveIdle: 5 * time.Second, keepAliveInterval: 5 * time.Second, keepAliveCount: 3,
		userTimeout: 15 * time.Second,
	}
}

// defaultConnectTimeout is how long opening a connection to one address may
// take: name lookup, TCP, TLS and login.
const defaultConnectTimeout = 5 * time.Second

// serverUserTimeout is the tcp_user_timeout in milliseconds that the server is
// to set on its side of a connection. An operator would hardly choose this
// number, so a connection on which it is not in effect leads to a connection
// pooler, which does not pass on the parameters of its clients: see
// connection.inspect.
const serverUserTimeout = "15013"

const (
	urlHint     = "not a URL such as postgres://user:password@host:5432/simtransfer"
	keywordHint = "nor a connection string such as 'host=host dbname=simtransfer'"
)

// CheckURL validates a postgres:// URL or a connection string of keywords. The
// error quotes nothing of it: a password with characters that are special in a
// URL can be mistaken for any other part.
func CheckURL(dsn string) error {
	_, err := parseTarget(dsn, nil)
	return err
}

// parseTarget reads a connection string. It understands what libpq does,
// including several hosts, each with its own port. The parameters are sent to
// the server unless the string sets them.
func parseTarget(dsn string, parameters map[string]string) (*target, error) {
	isURL := strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
	if isURL {
		var err error
		if dsn, err = keywordsOfURL(dsn); err != nil {
			return nil, err
		}
	}
	config, err := pq.NewConfig(dsn)
	switch {
	case err != nil && isURL:
		return nil, err
	case err != nil:
		return nil, errors.New(urlHint + ", " + keywordHint)
	}
	t := &target{accept: config.TargetSessionAttrs, socket: defaultSocketOptions()}
	if err := t.takeOwnParameters(config.Runtime); err != nil {
		return nil, err
	}
	for name, value := range parameters {
		if !hasParameter(config.Runtime, name) {
			config.Runtime[name] = value
		}
	}
	if config.ApplicationName == "pqgo" { // lib/pq's default
		config.ApplicationName = "simtransfer"
	}
	if config.ConnectTimeout <= 0 {
		config.ConnectTimeout = defaultConnectTimeout
	}
	// A statement that is not prepared is sent in one message. In two, as
	// otherwise, a pooler of transactions may pass them to different servers, or
	// the statement of another client in between.
	config.BinaryParameters = true
	config.TargetSessionAttrs = pq.TargetSessionAttrsAny // see connector.Connect
	t.hosts = hostsOf(config)
	return t, nil
}

// hasParameter reports whether a parameter is set, in whatever case.
func hasParameter(parameters map[string]string, name string) bool {
	for given := range parameters {
		if strings.EqualFold(given, name) {
			return true
		}
	}
	return false
}

// hostsOf returns a configuration for each host.
func hostsOf(config pq.Config) []pq.Config {
	others := config.Multi
	config.Multi = nil
	list := []pq.Config{config}
	for _, m := range others {
		c := config.Clone()
		c.Host, c.Hostaddr, c.Port = m.Host, m.Hostaddr, m.Port
		list = append(list, c)
	}
	for i, c := range list {
		if isSocket(c) {
			list[i].SSLMode = pq.SSLModeDisable
		}
	}
	return list
}

// isSocket reports whether a host is a Unix socket.
func isSocket(c pq.Config) bool {
	return c.Hostaddr == netip.Addr{} && (filepath.IsAbs(c.Host) || strings.HasPrefix(c.Host, "@"))
}

// takeOwnParameters removes from the parameters those that libpq keeps to
// itself, and that lib/pq would send to the server, which refuses them.
func (t *target) takeOwnParameters(parameters map[string]string) error {
	number := func(name string, unit time.Duration, into *time.Duration) error {
		value, set := parameters[name]
		delete(parameters, name)
		if !set {
			return nil
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("the parameter %s must be a whole number", name)
		}
		if n > 0 { // 0 is the default
			*into = time.Duration(n) * unit
		}
		return nil
	}
	var count time.Duration
	err := errors.Join(
		number("keepalives_idle", time.Second, &t.socket.keepAliveIdle),
		number("keepalives_interval", time.Second, &t.socket.keepAliveInterval),
		number("keepalives_count", 1, &count),
		number("tcp_user_timeout", time.Millisecond, &t.socket.userTimeout),
	)
	if err != nil {
		return err
	}
	if count > 0 {
		t.socket.keepAliveCount = int(count)
	}
	t.socket.keepAlive = parameters["keepalives"] != "0"
	if parameters["channel_binding"] == "require" {
		return errors.New("channel_binding=require is not supported: remove it, and set sslmode=verify-full")
	}
	if parameters["gssencmode"] == "require" {
		return errors.New("gssencmode=require is not supported: use TLS, with sslmode=verify-full")
	}
	for _, name := range []string{"keepalives", "channel_binding", "gssencmode", "sslcompression"} {
		delete(parameters, name)
	}
	return nil
}

// keywordsOfURL turns a URL as libpq reads it into a connection string of
// keywords. Unlike net/url it takes several hosts, each with its own port.
func keywordsOfURL(text string) (string, error) {
	unusable := errors.New(urlHint + "; percent-encode special characters of the password")
	scheme, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndex(rest[:end], "@") + 1
	hosts, ports, ok := splitHosts(rest[at:end])
	if !ok {
		return "", unusable
	}
	u, err := url.Parse(scheme + "://" + rest[:at] + "host" + rest[end:])
	if err != nil || misread(u) {
		return "", unusable
	}
	keywords := map[string]string{
		"user":   u.User.Username(),
		"dbname": strings.TrimPrefix(u.Path, "/"),
		"host":   hosts,
		"port":   ports,
	}
	keywords["password"], _ = u.User.Password()
	q := u.Query()
	if q.Get("ssl") == "true" && !q.Has("sslmode") { // as JDBC has it
		q.Set("sslmode", "require")
	}
	q.Del("ssl")
	for name := range q {
		keywords[name] = q.Get(name)
	}
	quote := strings.NewReplacer(`'`, `\'`, `\`, `\\`)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(keywords)) {
		if value := keywords[name]; value != "" {
			list = append(list, name+"='"+quote.Replace(value)+"'")
		}
	}
	return strings.Join(list, " "), nil
}

// splitHosts splits the hosts of a URL, such as "a:5432,b:5433", into a list of
// hosts and one of ports.
func splitHosts(text string) (hosts, ports string, ok bool) {
	if text == "" {
		return "", "", true
	}
	var hostList, portList []string
	given := false
	for spec := range strings.SplitSeq(text, ",") {
		host, port := spec, ""
		if i := strings.LastIndex(spec, ":"); i > strings.LastIndex(spec, "]") {
			host, port = spec[:i], spec[i+1:]
		}
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
			if _, err := netip.ParseAddr(host); err != nil {
				return "", "", false
			}
		} else if strings.ContainsAny(host, "[]:") {
			return "", "", false
		}
		host, err := url.PathUnescape(host) // a Unix socket: %2Fvar%2Frun
		if err != nil || strings.ContainsAny(host, ", \t\n'\\") {
			return "", "", false
		}
		if port != "" {
			if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
				return "", "", false
			}
			given = true
		}
		hostList = append(hostList, host)
		portList = append(portList, port)
	}
	if !given {
		return strings.Join(hostList, ","), "", true
	}
	for i := range portList {
		if portList[i] == "" {
			portList[i] = "5432"
		}
	}
	return strings.Join(hostList, ","), strings.Join(portList, ","), true
}

// misread reports whether a part of the URL may really be the end of a
// password: a parser takes "user" for the host of postgres://user:12/34@host.
func misread(u *url.URL) bool {
	odd := u.Fragment != "" || strings.Contains(u.Path, "@")
	for name := range u.Query() {
		odd = odd || strings.ContainsAny(name, "@/: ")
	}
	return odd
}
