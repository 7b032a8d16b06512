package servers

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// RedisDatabases is the number of databases in Redis: enough for every test of a
// process to have its own.
const RedisDatabases = 4096

// redisInstance is a Redis server. It listens on a loopback port, which other users
// of the machine can reach, so it requires a password.
type redisInstance struct {
	path     string
	folder   *folder
	port     int // 0 until it has started once
	password string
	settings map[string]string
	signal   syscall.Signal // to stop it, also when this process dies
	inherit  []*os.File
}

func newRedis(ctx context.Context, f *folder, o Options, inherit []*os.File) (*redisInstance, error) {
	path, err := findRedis(ctx)
	if err != nil {
		return nil, err
	}
	data, err := f.sub("redis")
	if err != nil {
		return nil, err
	}
	r := &redisInstance{
		path:     path,
		folder:   f,
		password: rand.Text(),
		settings: map[string]string{
			"bind":             "127.0.0.1",
			"dir":              data,
			"databases":        strconv.Itoa(RedisDatabases),
			"maxmemory-policy": "noeviction",
			"save":             `""`,
			"appendonly":       "no",
		},
		signal:  o.redisSignal(),
		inherit: inherit,
	}
	if o.Durable {
		r.settings["appendonly"] = "yes"
		r.settings["appendfsync"] = "everysec"
	}
	maps.Copy(r.settings, o.RedisSettings)
	return r, nil
}

// launch starts Redis and waits until it answers. The first launch chooses a free
// port; later ones use the same.
func (r *redisInstance) launch(ctx context.Context) (*Process, error) {
	if r.port != 0 {
		return r.launchOn(ctx, r.port)
	}
	for {
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		p, err := r.launchOn(ctx, port)
		if err == nil {
			r.port = port
			return p, nil
		}
		// Another process may have taken it in the meantime.
		if ctx.Err() != nil || !strings.Contains(err.Error(), "Failed listening on port") {
			return nil, err
		}
	}
}

func (r *redisInstance) launchOn(ctx context.Context, port int) (*Process, error) {
	var config strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.settings)) {
		fmt.Fprintf(&config, "%s %s\n", name, r.settings[name])
	}
	fmt.Fprintf(&config, "port %d\nrequirepass %s\n", port, r.password)
	c := Command{
		Path:        r.path,
		Args:        []string{"-"}, // configuration from standard input keeps the password out of the process list
		Stdin:       config.String(),
		LogFile:     r.folder.file("redis.log"),
		user:        r.folder.user,
		inherit:     r.inherit,
		DeathSignal: r.signal,
	}
	p, err := c.Start()
	if err != nil {
		return nil, err
	}
	if err := p.WaitReady(ctx, func(ctx context.Context) error { return r.ping(ctx, port) }); err != nil {
		_ = p.Stop(syscall.SIGKILL, failedStartTimeout)
		return nil, err
	}
	return p, nil
}

// ping succeeds if our Redis answers on the port, not another one, and has loaded
// its data.
func (r *redisInstance) ping(ctx context.Context, port int) (err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address(port))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	replies := bufio.NewReader(conn)
	for _, call := range []struct{ command, want string }{
		{"AUTH " + r.password, "+OK"},
		{"PING", "+PONG"},
	} {
		if _, err := fmt.Fprintf(conn, "%s\r\n", call.command); err != nil {
			return err
		}
		reply, err := replies.ReadString('\n')
		if err != nil {
			return err
		}
		if reply = strings.TrimSpace(reply); reply != call.want {
			return fmt.Errorf("Redis answered %q", reply)
		}
	}
	return nil
}

func (r *redisInstance) url(database int) string {
	u := url.URL{
		Scheme: "redis",
		User:   url.UserPassword("", r.password),
		Host:   address(r.port),
		Path:   "/" + strconv.Itoa(database),
	}
	return u.String()
}

func address(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// FreeAddress returns a loopback address, such as 127.0.0.1:16384, that is
// free.
func FreeAddress(ctx context.Context) (string, error) {
	port, err := freePort(ctx)
	return address(port), err
}

// FreeUDPAddress returns a loopback address with a UDP port that is free.
func FreeUDPAddress(ctx context.Context) (string, error) {
	c, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free UDP port: %w", err)
	}
	return c.LocalAddr().String(), c.Close()
}

// freePort returns a free loopback port.
//
// It is below the range from which the kernel assigns ports to connections. A port
// of that range could be taken while Redis restarts, even by a client that is
// trying to reach it.
func freePort(ctx context.Context) (int, error) {
	const first, last, attempts = 16384, 32767, 100
	var config net.ListenConfig
	var err error
	for range attempts {
		port := first + mathrand.IntN(last-first+1)
		var l net.Listener
		if l, err = config.Listen(ctx, "tcp", address(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("looking for a free port: %w", err)
}
